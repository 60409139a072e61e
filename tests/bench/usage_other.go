//go:build !unix

package main

import "time"

var began = time.Now()

// cpuTime stands in with the time on the wall.
func cpuTime() time.Duration { return time.Since(began) }

// peakBytes is unknown here.
func peakBytes() int64 { return 0 }
