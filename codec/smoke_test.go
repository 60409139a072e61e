package codec

import "testing"

func TestSmoke(t *testing.T) {
	h := Header{Kind: KindPut, Version: 5, Time: NewHLC(1000, 2), Key: MustKey("rtt", "x"), Codec: CodecRaw}
	r, err := NewRecord(h, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	b := AppendBatch(nil, []*Record{r})
	var q Record
	br := NewBatchReader(r.Space, b)
	for br.Next(&q) {
	}
	if br.Err() != nil || q.ID != r.ID || q.Key.String() != "rtt/x" {
		t.Fatal(br.Err(), q)
	}
	e, err := AppendEvent(nil, Now{Mono: 1, Wall: 2}, &Put{Req: 1, Entries: []PutEntry{{Key: MustKey("a"), Value: []byte("x")}}})
	if err != nil {
		t.Fatal(err)
	}
	_, ev, rest, err := NextEvent(e)
	if err != nil || len(rest) != 0 {
		t.Fatal(err)
	}
	t.Logf("%x %+v", e, ev)
	f := AppendFrame(nil, FrameHead{Seq: 1}, [][]byte{AppendMessage(nil, MsgHello, &Hello{Strategies: []string{"full"}})})
	hd, ms, err := ParseFrame(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	var he Hello
	if err := ms[0].Decode(&he); err != nil {
		t.Fatal(err)
	}
	t.Log(hd, he)
}
func BenchmarkBatch(b *testing.B) {
	var rs []*Record
	for i := 0; i < 8; i++ {
		h := Header{Kind: KindPut, Version: uint64(5 + i), Time: NewHLC(1000, 2), Key: MustKey("rtt", "x"), Codec: CodecRaw}
		r, _ := NewRecord(h, make([]byte, 200))
		rs = append(rs, r)
	}
	bb := AppendBatch(nil, rs)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		br := NewBatchReader(ID{}, bb)
		var q Record
		for br.Next(&q) {
		}
	}
}
func BenchmarkFrameMsg(b *testing.B) {
	f := AppendFrame(nil, FrameHead{Seq: 1}, [][]byte{AppendMessage(nil, MsgRecords, &Records{Batch: make([]byte, 2000)})})
	b.ReportAllocs()
	var ms []Message
	for i := 0; i < b.N; i++ {
		_, m, _ := ParseFrame(f, ms[:0])
		ms = m
		var r Records
		m[0].Decode(&r)
	}
}
