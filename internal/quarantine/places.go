package quarantine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dupfind/dupfind/internal/fsx"
	"github.com/dupfind/dupfind/store"
)

// choosePlaces gives the run its name and each move its place.
func (p *Plan) choosePlaces(ctx context.Context) error {
	var roots []string
	for _, m := range p.Moves {
		if !slices.Contains(roots, m.Copy.Root) {
			roots = append(roots, m.Copy.Root)
		}
	}
	if err := p.chooseName(ctx, roots); err != nil {
		return err
	}
	p.Folders = runFolders(p.o.To, p.Name, roots)
	labels := rootLabels(roots)
	taken := map[string]bool{fold("0/" + ManifestName): true, fold("0/" + ManifestName + ".tmp"): true}
	for i := range p.Moves {
		m := &p.Moves[i]
		m.rel = m.Copy.Rel
		root := slices.Index(roots, m.Copy.Root)
		if p.o.To == "" {
			m.folder = root
		} else if len(roots) > 1 {
			m.rel = labels[root] + "/" + m.rel
		}
		m.rel = freeName(m.rel, func(rel string) bool { return taken[fold(strconv.Itoa(m.folder)+"/"+rel)] })
		taken[fold(strconv.Itoa(m.folder)+"/"+m.rel)] = true
		m.Dest = joinPath(p.Folders[m.folder], m.rel)
	}
	return nil
}

// runFolders are the folders of a run: one in to, or one at each root.
func runFolders(to, name string, roots []string) []string {
	if to != "" {
		return []string{joinPath(to, name)}
	}
	var folders []string
	for _, root := range roots {
		folders = append(folders, joinPath(root, FolderName+"/"+name))
	}
	return folders
}

// rootLabels names roots for a folder that takes files of several: by their last names, made unique.
func rootLabels(roots []string) []string {
	var labels []string
	for _, root := range roots {
		base := filepath.Base(root)
		if fsx.CheckRel(base) != nil || base == "/" {
			base = "root"
		}
		labels = append(labels, freeName(base, func(n string) bool {
			return slices.ContainsFunc(labels, func(l string) bool { return fold(l) == fold(n) })
		}))
	}
	return labels
}

// freeName gives rel a suffix before its extension where its name is taken.
func freeName(rel string, taken func(string) bool) string {
	if !taken(rel) {
		return rel
	}
	folder, name := fsx.SplitRel(rel)
	ext := filepath.Ext(name)
	if ext == name {
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	const longest = 255 // bytes of a name, on every filesystem that matters here
	for n := 2; ; n++ {
		suffix := fmt.Sprintf("-%d", n)
		cut := stem[:min(len(stem), max(1, longest-len(suffix)-len(ext)))]
		candidate := cut + suffix + ext
		if folder != "" {
			candidate = folder + "/" + candidate
		}
		if !taken(candidate) {
			return candidate
		}
	}
}

// chooseName finds a name that no run in the journal and no folder has.
func (p *Plan) chooseName(ctx context.Context, roots []string) error {
	runs, err := p.db.Runs(ctx)
	if err != nil {
		return err
	}
	base := p.o.RunName
	if base == "" {
		base = p.o.Now().Format("2006-01-02-150405")
	}
	if !validRunName(base) {
		return fmt.Errorf("run name %q cannot name a folder", base)
	}
	p.Name = freeName(base, func(name string) bool {
		if slices.ContainsFunc(runs, func(r store.Run) bool { return fold(r.Name) == fold(name) }) {
			return true
		}
		return slices.ContainsFunc(runFolders(p.o.To, name, roots), func(folder string) bool {
			_, err := os.Lstat(folder)
			return err == nil
		})
	})
	return nil
}
