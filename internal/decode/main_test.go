package decode

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes the test binary a worker when it is called like one: "decode-worker FAULT" answers as package worker does,
// but for the fault.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "decode-worker" {
		os.Exit(faultyWorker(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

// faultyWorker answers each job with a grey photo whose name is "good"; any other name brings the fault about. Faults that
// end in "-once" happen once, told by a file beside the photo.
func faultyWorker(fault string) int {
	out, in := os.Stdout, bufio.NewReader(os.Stdin)
	switch fault {
	case "no-hello":
		fmt.Fprintln(os.Stderr, "error while loading shared libraries: libnothing.so")
		return 127
	case "old-hello":
		_ = WriteFrame(out, FrameHello, Hello{Protocol: Protocol, Version: Version - 1})
		time.Sleep(time.Minute)
	}
	if err := WriteFrame(out, FrameHello, Hello{Protocol: Protocol, Version: Version}); err != nil {
		return 1
	}
	for {
		f, err := ReadFrame(in, MaxJobFrame)
		if err != nil {
			return 0
		}
		job, err := ReadJob(f)
		if err != nil {
			return 1
		}
		path := string(job.Path)
		if path != "good" && !happened(fault, path) {
			if code, end := misbehave(fault); end {
				return code
			}
			continue
		}
		answerGood(out, in, job)
	}
}

// happened says whether a "-once" fault has been seen, and notes it.
func happened(fault, path string) bool {
	if len(fault) < 5 || fault[len(fault)-5:] != "-once" {
		return false
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return true
	}
	f.Close()
	return false
}

func misbehave(fault string) (code int, end bool) {
	out := os.Stdout
	switch fault {
	case "segv", "segv-once":
		fmt.Fprintln(os.Stderr, "VIPS-WARNING: something harmless")
		fmt.Fprintln(os.Stderr, "fatal error: unexpected signal during runtime execution")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Minute)
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "hang":
		time.Sleep(time.Minute)
	case "hang-deaf": // not even the end of its input ends it
		for {
			time.Sleep(time.Minute)
		}
	case "garbage":
		_, _ = out.WriteString("Segmentation fault? No: a library that prints to stdout.\n")
		time.Sleep(time.Minute)
	case "long-frame":
		_, _ = out.Write([]byte{0xff, 0xff, 0xff, 0xff, byte(FrameDone), 0, 0, 0, 0})
		time.Sleep(time.Minute)
	case "half-frame":
		_, _ = out.Write([]byte{100, 0, 0, 0, byte(FrameDone), 2})
		return 0, true
	case "exit":
		return 0, true
	case "memory":
		return ExitMemory, true
	case "go-memory":
		fmt.Fprintln(os.Stderr, "fatal error: runtime: out of memory")
		return 2, true
	case "opened-forever":
		for {
			if WriteFrame(out, FrameOpened, Opened{SizeBytes: 1}) != nil {
				return 1, true
			}
		}
	case "no-hash":
		_ = WriteFrame(out, FrameDone, Done{})
	case "small-tile":
		_ = WriteFrame(out, FrameHashed, Hashed{SHA256: make([]byte, 32)})
		_ = WriteFrame(out, FrameDone, Done{Format: "jpeg", Width: 1, Height: 1, Orientation: 1, TileHash: make([]byte, 32)}, make([]byte, 10))
	case "odd-reason":
		_ = WriteFrame(out, FrameDone, Done{Reason: "because"})
	case "known-unasked":
		_ = WriteFrame(out, FrameHashed, Hashed{SHA256: make([]byte, 32)})
		_ = WriteFrame(out, FrameDone, Done{Known: true})
	case "skip":
		_ = WriteFrame(out, FrameDone, Done{Reason: Truncated, Detail: "premature end"})
	}
	return 0, false
}

func answerGood(out *os.File, in *bufio.Reader, job Job) {
	_ = WriteFrame(out, FrameOpened, Opened{SizeBytes: 1000})
	_ = WriteFrame(out, FrameHashed, Hashed{SHA256: append(make([]byte, 31), 7), SizeBytes: 1000, MtimeNS: 5, Device: 1, Inode: 2})
	if job.Ask {
		f, err := ReadFrame(in, MaxJobFrame)
		if err != nil {
			return
		}
		if w, err := ReadWanted(f); err != nil || !w.Decode {
			_ = WriteFrame(out, FrameDone, Done{Known: true})
			return
		}
	}
	if job.Op == OpDigest {
		_ = WriteFrame(out, FrameDone, Done{Digest: append(make([]byte, 31), 9)})
		return
	}
	tile := make([]byte, job.TileSize*job.TileSize*3)
	_ = WriteFrame(out, FrameDone, Done{Format: "jpeg", Width: 40, Height: 30, Orientation: 1, TileHash: make([]byte, 32),
		Exif: Exif{Present: true, Make: "Grey", Latitude: 1.5}}, tile, []byte("thumb"))
}
