// Command gen writes the assembly of the exact engine's kernels: for amd64
// through avo, for arm64 as text. Run it by `go generate ./index/exact`; a test
// holds what is committed against what it writes.
//
// avo knows neither VPDPBUSD nor the VEX form of it. The first is handed to
// Go's assembler by name, the second is put together from bytes (vex.go), and
// so are the arm64 instructions that the assembler lacks (arm64.go).
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	folder := "." // of package exact; go generate runs this there
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	if err := write(folder); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate makes all files, by their names below package exact.
func generate() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, part := range []struct {
		name, pkg string
		make      func(*build.Context)
	}{
		{"tile_amd64", "exact", tiles},
		{"rows_amd64", "exact", rows},
		{"peak/loops_amd64", "peak", peaks},
	} {
		if err := assemble(files, part.name, part.pkg, part.make); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	files["tile_arm64.s"], files["tile_arm64.go"] = arm64()
	return files, nil
}

// assemble runs avo: the assembly goes to name.s, the declarations to name.go.
func assemble(files map[string][]byte, name, pkg string, makeIt func(*build.Context)) error {
	c := build.NewContext()
	makeIt(c)
	f, err := c.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return err
	}
	cfg := printer.Config{Argv: []string{"go", "generate", "./index/exact"}, Pkg: pkg}
	if files[name+".s"], err = printer.NewGoAsm(cfg).Print(f); err != nil {
		return err
	}
	files[name+".go"], err = printer.NewStubs(cfg).Print(f)
	return err
}
