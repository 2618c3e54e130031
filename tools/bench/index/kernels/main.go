// Command kernels measures the exact engine's kernels on a file of vectors, each
// beside its processor's peak, and prints one JSON object a line.
//
//	go run ./tools/bench/index/kernels -vectors FILE [-dim 512] [-t 0.95] [-new N] [-workers 1] [-runs 1] [-pairs FILE] [KERNEL...]
//
// Seconds are of the processor, all threads together, and of the clock; the
// search begins with vectors in memory and ends with every pair handed on. Gop/s
// counts two operations for each number of each pair of different rows. -new
// searches the last N rows against all, as a scan with N new photos does. -pairs
// writes the pairs found by the last kernel: two int32 and a float64 each.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"github.com/dupfind/dupfind/index"
	"github.com/dupfind/dupfind/index/exact"
	"github.com/dupfind/dupfind/index/exact/peak"
)

type options struct {
	vectors, pairs     string
	dim, workers, runs int
	fresh              int
	t                  float64
	kernels            []string
}

// line is what is printed of a search.
type line struct {
	Kernel     string  `json:"kernel"`
	N          int     `json:"n"`
	New        int     `json:"new"`
	Dim        int     `json:"dim"`
	Threshold  float64 `json:"threshold"`
	Workers    int     `json:"workers"`
	CPUSeconds float64 `json:"cpu_s"` // medians
	Seconds    float64 `json:"wall_s"`
	Estimate   float64 `json:"estimate_s,omitempty"`
	GopPerS    float64 `json:"gop_s"`
	PeakGop    float64 `json:"peak_gop_s,omitempty"` // of one core
	Share      float64 `json:"share,omitempty"`      // of the peak, by processor seconds
	Pairs      int     `json:"pairs"`
	PairsHash  string  `json:"pairs_hash"`
	PeakRSSMiB int     `json:"peak_rss_mib"` // of the process until now
}

func main() {
	var o options
	flag.StringVar(&o.vectors, "vectors", "", "file of float32, row after row")
	flag.StringVar(&o.pairs, "pairs", "", "file to write the pairs to")
	flag.IntVar(&o.dim, "dim", 512, "numbers of a vector")
	flag.Float64Var(&o.t, "t", 0.95, "threshold")
	flag.IntVar(&o.fresh, "new", 0, "search only this many last rows against all")
	flag.IntVar(&o.workers, "workers", 1, "threads")
	flag.IntVar(&o.runs, "runs", 1, "searches of each kernel")
	flag.Parse()
	o.kernels = flag.Args()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	v, err := read(o.vectors, o.dim)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(o.workers)
	if len(o.kernels) == 0 {
		o.kernels = exact.Kernels()
	}
	var last []index.Pair
	for _, name := range o.kernels {
		var l line
		if l, last, err = measure(o, v, name); err != nil {
			return err
		}
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	if o.pairs == "" {
		return nil
	}
	return write(o.pairs, last)
}

func measure(o options, v index.Vectors, name string) (line, []index.Pair, error) {
	l := line{Kernel: name, N: v.N(), New: v.N(), Dim: v.Dim, Threshold: o.t, Workers: o.workers}
	if o.fresh > 0 {
		l.New = o.fresh
	}
	first := v.N() - l.New
	e := &exact.Engine{Workers: o.workers, Kernel: name}
	var cpus, walls, peaks []float64
	var pairs []index.Pair
	for range o.runs {
		peaks = append(peaks, peakOf(name))
		pairs = pairs[:0]
		debug.FreeOSMemory() // what a run before has left is not this one's
		cpu, began := cpuSeconds(), time.Now()
		err := e.Pairs(context.Background(), v, first, o.t, nil, func(p []index.Pair) error {
			pairs = append(pairs, p...)
			return nil
		})
		if err != nil {
			return l, nil, err
		}
		walls = append(walls, time.Since(began).Seconds())
		cpus = append(cpus, cpuSeconds()-cpu)
	}
	l.CPUSeconds, l.Seconds, l.PeakGop = median(cpus), median(walls), slices.Max(peaks)/1e9
	comparisons := float64(l.New) * (float64(v.N()-l.New) + float64(l.New-1)/2)
	l.GopPerS = comparisons * 2 * float64(v.Dim) / l.CPUSeconds / 1e9
	if l.PeakGop > 0 {
		l.Share = l.GopPerS / l.PeakGop
	}
	l.Pairs, l.PairsHash = len(pairs), digest(pairs)
	l.PeakRSSMiB = peakRSS()
	return l, pairs, nil
}

func peakOf(kernel string) float64 {
	for _, l := range peak.Here() {
		if slices.Contains(l.Kernels, kernel) {
			return l.Measure(50 * time.Millisecond)
		}
	}
	return 0
}

func read(name string, dim int) (index.Vectors, error) {
	f, err := os.Open(name)
	if err != nil {
		return index.Vectors{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return index.Vectors{}, err
	}
	v := index.Vectors{Dim: dim, Data: make([]float32, info.Size()/4)}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v.Data))), 4*len(v.Data))
	for at := 0; at < len(raw); {
		n, err := f.Read(raw[at:])
		if err != nil {
			return v, err
		}
		at += n
	}
	return v, v.Validate()
}

func write(name string, pairs []index.Pair) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := binary.Write(f, binary.LittleEndian, pairs); err != nil {
		return err
	}
	return f.Close()
}

func digest(pairs []index.Pair) string {
	h := fnv.New64a()
	var b [16]byte
	for _, p := range pairs {
		binary.LittleEndian.PutUint32(b[:], uint32(p.A))
		binary.LittleEndian.PutUint32(b[4:], uint32(p.B))
		binary.LittleEndian.PutUint64(b[8:], math.Float64bits(p.Cosine))
		h.Write(b[:])
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

func cpuSeconds() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// peakRSS is in MiB; macOS counts bytes, Linux KiB.
func peakRSS() int {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	if runtime.GOOS == "darwin" {
		return int(r.Maxrss >> 20)
	}
	return int(r.Maxrss >> 10)
}
