//go:build cgo

package local

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dupfind/dupfind/embed/embedtest"
)

// BenchmarkEmbed is the measurement behind defaultTuning: 96 tiles of 224 px on all cores, in milliseconds of wall and
// of CPU time a tile, and the peak of the process's memory.
//
//	go test -run '^$' -bench Embed -benchtime 3x -count 5 ./embed/local
func BenchmarkEmbed(b *testing.B) {
	for _, tn := range []tuning{
		{intraThreads: 2, runs: 1, batch: 8, arena: true, pattern: true},
		{intraThreads: 2, runs: 1, batch: 16, arena: true, pattern: true},
		{intraThreads: 2, runs: 1, batch: 32, arena: true, pattern: true},
		{intraThreads: 2, runs: 1, batch: 16, arena: true, pattern: true, spin: true},
		{intraThreads: 1, batch: 1, arena: true},
		{intraThreads: 1, batch: 2, arena: true},
		{intraThreads: 1, batch: 4, arena: true},
		{intraThreads: 1, batch: 8, arena: true},
		{intraThreads: 1, batch: 16, arena: true},
		{intraThreads: 1, batch: 4, arena: true, pattern: true},
		{intraThreads: 1, batch: 8, arena: true, pattern: true},
		{intraThreads: 1, batch: 16, arena: true, pattern: true},
		{intraThreads: 1, batch: 4},
		{intraThreads: 1, batch: 8},
	} {
		name := fmt.Sprintf("threads=%d/runs=%d/batch=%d/arena=%t/pattern=%t/spin=%t", tn.intraThreads, tn.runs, tn.batch, tn.arena, tn.pattern, tn.spin)
		b.Run(name, func(b *testing.B) { benchTuning(b, tn) })
	}
}

func benchTuning(b *testing.B, tn tuning) {
	be, err := openTuned(b.Context(), realModel(b).Options(), tn)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = be.Close() }()
	const n = 96
	tiles := embedtest.Tiles(224, n, 1)
	if _, err := be.Embed(b.Context(), tiles[:32]); err != nil { // the first runs allocate
		b.Fatal(err)
	}
	cpu, wall, best := cpuTime(b), time.Duration(0), time.Duration(1<<62)
	for b.Loop() {
		start := time.Now()
		if _, err := be.Embed(b.Context(), tiles); err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		wall += took
		best = min(best, took)
	}
	perTile := func(d time.Duration, tiles int) float64 { return d.Seconds() * 1000 / float64(tiles) }
	b.ReportMetric(perTile(wall, n*b.N), "ms-wall/tile")
	b.ReportMetric(perTile(best, n), "ms-best/tile")
	b.ReportMetric(perTile(cpuTime(b)-cpu, n*b.N), "ms-cpu/tile")
	b.ReportMetric(peakMiB(b), "MiB-peak")
}

func cpuTime(b *testing.B) time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// peakMiB is the most memory that the process has held; where there is no /proc it is 0. It never falls: to compare
// tunings, run each in a process of its own.
func peakMiB(b *testing.B) float64 {
	s, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(s)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}
