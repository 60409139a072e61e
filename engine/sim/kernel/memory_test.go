package kernel

import "testing"

func TestMemoryIsGivenBack(t *testing.T) {
	var q Queue
	for i := range int64(1_000_000) {
		q.Push(i*1000, uint64(i))
	}
	if per := float64(q.events.chunkCount*chunkLen) / 1e6; per > 1.1 {
		t.Errorf("%.2f entries of room per entry", per)
	}
	for q.Len() > 1000 {
		q.Pop()
	}
	if room := q.events.chunkCount + q.events.freeCount; room > 1000/chunkLen+buckets+2*spareChunks {
		t.Errorf("%d chunks kept for 1,000 events", room)
	}
	for q.Len() > 0 {
		q.Pop()
	}
	if len(q.events.slots) > 1024 || q.events.chunkCount != 0 {
		t.Errorf("the empty queue keeps %d slots and %d chunks", len(q.events.slots), q.events.chunkCount)
	}
}

func TestTombstonesAreReclaimed(t *testing.T) {
	var q Queue
	q.Push(1<<40, 0)
	for i := range int64(100_000) {
		q.Drop(q.Push(q.Now()+1+i%5000, 0))
		q.PopUntil(q.Now() + 10)
	}
	if q.events.held > 5000/10+buckets || len(q.events.slots) > 2000 {
		t.Errorf("%d entries held and %d slots for one event", q.events.held, len(q.events.slots))
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	var q Queue
	step := func() {
		for range 1000 {
			e, _ := q.Pop()
			q.Push(e.At+1+int64(e.Payload*7919%100_000), e.Payload)
			q.SetWake(uint32(e.Payload%64), e.At+50_000)
		}
	}
	for i := range uint64(1000) {
		q.Push(int64(i), i)
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations in 1,000 steps", n)
	}
}
