package prolly

import (
	"math/bits"
	"sort"
)

// cut makes pages of consecutive nodes of one level and appends them, as nodes of
// the next one, to dst. A run begins at every node that begins one, and at the
// first. before and after are the keys of the neighbours on both sides, nil where
// they are in another run.
func cut(r rules, dst []item, level int, w []item, before, after []byte) []item {
	for len(w) > 0 {
		n := 1
		for n < len(w) && !begins(r, level, &w[n]) {
			n++
		}
		end := after
		if n < len(w) {
			end = nil
		}
		at := len(dst)
		dst = part(r, dst, level, w[:n], before, end)
		if before == nil && end == nil && len(dst) == at+1 {
			dst[at].kid.whole = true
		}
		w, before = w[n:], nil
	}
	return dst
}

// part makes pages of a run. Whoever can choose hashes can make a run as long as
// he likes; so one of more than most nodes is cut in two at the highest bit in
// which its first and its last key differ, and so on until every part is short
// enough. The parts are the largest aligned intervals of keys that hold at most
// most nodes of the run, whatever the history, and a change moves only the
// borders of intervals that it lies in.
//
// With before or after the run goes on there, with more than most nodes.
func part(r rules, dst []item, level int, w []item, before, after []byte) []item {
	if len(w) == 0 {
		return dst
	}
	if before == nil && after == nil && (r.most() == 0 || len(w) <= r.most()) {
		return append(dst, item{kid: newPage(r, level, w)})
	}
	first, last := before, after
	if first == nil {
		first = w[0].key(r)
	}
	if last == nil {
		last = w[len(w)-1].key(r)
	}
	at, bit := highestBit(first, last)
	n := sort.Search(len(w), func(i int) bool { return w[i].key(r)[at]&bit != 0 })
	return part(r, part(r, dst, level, w[:n], before, nil), level, w[n:], nil, after)
}

// highestBit finds the highest bit in which two keys of one length differ.
func highestBit(a, b []byte) (at int, bit byte) {
	for at = range a {
		if x := a[at] ^ b[at]; x != 0 {
			return at, 1 << (bits.Len8(x) - 1)
		}
	}
	return 0, 0 // unreachable: keys of a tree differ
}
