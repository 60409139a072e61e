//go:build unix

package main

import (
	"runtime"
	"syscall"
	"time"
)

// cpuTime is what this process has used so far, user and system.
func cpuTime() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakBytes is the most memory this process has had resident.
func peakBytes() int64 {
	peak := int64(usage().Maxrss)
	if runtime.GOOS != "darwin" { // which counts bytes, the others KiB
		peak <<= 10
	}
	return peak
}

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // constant arguments
	}
	return u
}
