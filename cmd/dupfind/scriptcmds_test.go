package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// copyTree copies a folder with everything in it: copytree FROM TO.
func copyTree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copytree FROM TO")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

// sums writes the SHA-256 of every file under a folder, by path, into a file:
// sums FOLDER FILE. Bookkeeping of the quarantine is left out: the photos in it
// are what matters.
func sums(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sums FOLDER FILE")
	}
	var b strings.Builder
	root := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "dupfind-manifest.jsonl" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), rel)
		return err
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}

// oddNames copies a photo under names that break careless programs: oddnames PHOTO FOLDER.
func oddNames(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: oddnames PHOTO FOLDER")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, name := range []string{"-rf.jpg", "new\nline.jpg", "tab\there.jpg", "esc\x1b[31mred.jpg", "latin1_\xe9.jpg", "plain.jpg"} {
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[1]), name), data, 0o644))
	}
}
