package local

import "github.com/dupfind/dupfind/embed"

// Options says what to open.
type Options struct {
	Library   string         // the shared library's path
	ModelPath string         // the ONNX file's path
	Manifest  embed.Manifest // what the file is; Digest may be empty, and is compared with the file when it is not
	Threads   int            // cores to use; 0: all of them
}

// Options are the options that open what was found, on all cores.
func (f Found) Options() Options {
	return Options{Library: f.Library.Path, ModelPath: f.Model.Path, Manifest: f.Model.Manifest}
}
