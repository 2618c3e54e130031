package ingest

import "github.com/dupfind/dupfind/store"

// settledLink is how the first name of an inode was settled.
type settledLink struct {
	file store.File
	sha  [32]byte
}

// link settles a further name of an inode: it gets the content, or the
// failure, of the name that was met first, and is not counted as a photo.
func (w *writer) link(res result) {
	if res.file.State != "" { // known and unchanged
		w.keep(res.file)
		w.tally.linked()
		return
	}
	id := inode{res.file.Device, res.file.Inode}
	first, ok := w.inodes[id]
	if !ok {
		w.awaiting[id] = append(w.awaiting[id], res)
		return
	}
	w.putLink(res.file, first)
}

// settleLinks remembers how a name was settled and settles the others of its inode.
func (w *writer) settleLinks(f store.File, sha [32]byte) {
	if f.Links < 2 {
		return
	}
	id := inode{f.Device, f.Inode}
	first := settledLink{f, sha}
	w.inodes[id] = first
	for _, res := range w.awaiting[id] {
		w.putLink(res.file, first)
	}
	delete(w.awaiting, id)
}

func (w *writer) putLink(f store.File, first settledLink) {
	f.State, f.ContentID, f.Decoder = first.file.State, first.file.ContentID, first.file.Decoder
	f.Reason, f.Detail = first.file.Reason, first.file.Detail
	in := store.Ingest{File: f}
	if f.State == store.StatePhoto {
		in.SHA256 = first.sha
	}
	w.put(in)
	w.tally.linked()
}
