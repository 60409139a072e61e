package pinsketch

import "golang.org/x/sys/cpu"

// accelerated: this processor multiplies without carries. The results are the
// same without.
var accelerated = cpu.X86.HasPCLMULQDQ

//go:noescape
func mulFast(a, b uint64) uint64

// toggleFast is togglePortable for four sums or a multiple, at least one.
//
//go:noescape
func toggleFast(sums *uint64, fours int, x uint64)

// addMultipleFast is addMultiple for at least one element.
//
//go:noescape
func addMultipleFast(dst, src *uint64, n int, c uint64)
