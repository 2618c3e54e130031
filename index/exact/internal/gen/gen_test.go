package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the generator writes.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes: run go generate ./index/exact", name)
		}
	}
}

// The bytes are those that GNU as 2.40 writes for {vex} vpdpbusd.
func TestVexEncoding(t *testing.T) {
	for _, c := range []struct {
		b, a, sum int
		want      []byte
	}{
		{12, 14, 0, []byte{0xc4, 0xc2, 0x0d, 0x50, 0xc4}},
		{13, 15, 11, []byte{0xc4, 0x42, 0x05, 0x50, 0xdd}},
		{3, 2, 1, []byte{0xc4, 0xe2, 0x6d, 0x50, 0xcb}},
		{0, 15, 8, []byte{0xc4, 0x62, 0x05, 0x50, 0xc0}},
		{8, 7, 7, []byte{0xc4, 0xc2, 0x45, 0x50, 0xf8}},
	} {
		if got := vexVPDPBUSD(c.b, c.a, c.sum); !bytes.Equal(got, c.want) {
			t.Errorf("ymm%d, ymm%d, ymm%d: got %x, want %x", c.b, c.a, c.sum, got, c.want)
		}
	}
}
