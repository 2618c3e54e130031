package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/dupfind/dupfind/embed"
)

// sscdBytes is the size of the default model's file: only a file of this size is worth hashing to know it.
const sscdBytes = 28251299

// withManifest reads the manifest beside a model. The default model needs none: wherever its file lies, its size and
// digest tell it.
func withManifest(p Place) (Model, error) {
	m := Model{Place: p}
	looked := manifestNames(p.Path)
	for _, name := range looked {
		b, err := readSmall(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return m, fmt.Errorf("read manifest of %s: %w", p.Path, err)
		}
		m.ManifestPath = name
		if m.Manifest, err = embed.ParseManifest(b); err != nil {
			return m, fmt.Errorf("read manifest %s: %w", name, err)
		}
		return m, nil
	}
	if fi, err := os.Stat(p.Path); err == nil && fi.Size() == sscdBytes {
		d, err := fileDigest(context.Background(), p.Path) // 20 ms; Locate has no context of its own
		if err != nil {
			return m, err
		}
		if sscd := embed.SSCD(); d == sscd.Digest {
			m.Manifest = sscd
			return m, nil
		}
	}
	return m, &NoManifestError{Model: p.Path, Looked: looked}
}

// manifestNames are the names of a model's manifest, the one to recommend first.
func manifestNames(model string) []string {
	stem := model
	if i := len(model) - len(".onnx"); i > 0 && strings.EqualFold(model[i:], ".onnx") {
		stem = model[:i]
	}
	return []string{stem + ".json", stem + ".manifest.json", model + ".json"}
}

// readSmall reads a file that a person wrote; ParseManifest refuses what is larger than the limit.
func readSmall(name string) (b []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	return io.ReadAll(io.LimitReader(f, 2<<20))
}

// fileDigest is the "sha256:..." of a file.
func fileDigest(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("open model: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", context.Cause(ctx)
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read model: %w", err)
		}
	}
}
