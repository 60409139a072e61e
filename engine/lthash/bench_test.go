package lthash

import "testing"

func BenchmarkExpand(b *testing.B) {
	x, id := NewExpander(new([32]byte)), new([32]byte)
	b.ReportAllocs()
	for b.Loop() {
		id[0]++
		x.Expand(id)
	}
}

func BenchmarkAdd(b *testing.B) {
	x, id, s := NewExpander(new([32]byte)), new([32]byte), new(State)
	b.ReportAllocs()
	for b.Loop() {
		id[0]++
		s.Add(x, id)
	}
}

func BenchmarkAddState(b *testing.B) {
	s, o := new(State), *NewExpander(new([32]byte)).Expand(new([32]byte))
	for b.Loop() {
		s.AddState(&o)
	}
}

func BenchmarkSubState(b *testing.B) {
	s, o := new(State), *NewExpander(new([32]byte)).Expand(new([32]byte))
	for b.Loop() {
		s.SubState(&o)
	}
}

func BenchmarkAddNaive(b *testing.B) {
	s, o := new(State), *NewExpander(new([32]byte)).Expand(new([32]byte))
	for b.Loop() {
		naiveAdd(s, &o)
	}
}

func BenchmarkDigest(b *testing.B) {
	s := new(State)
	b.ReportAllocs()
	for b.Loop() {
		s.Digest()
	}
}
