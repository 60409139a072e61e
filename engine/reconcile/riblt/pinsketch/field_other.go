//go:build !amd64

package pinsketch

const accelerated = false

func mulFast(uint64, uint64) uint64                 { panic("unreachable") }
func toggleFast(*uint64, int, uint64)               { panic("unreachable") }
func addMultipleFast(*uint64, *uint64, int, uint64) { panic("unreachable") }
