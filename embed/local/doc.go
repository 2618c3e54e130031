// Package local runs an ONNX model on this machine by ONNX Runtime.
//
// The runtime is a shared library that is loaded when the first model opens; the program itself links none of it, so
// that it starts, and explains what is missing, on a machine without it. [Locate] finds the library and the model,
// [Open] loads them, and the [Backend] embeds tiles on all cores.
//
// The library stays loaded until the process ends: it keeps threads and thread-local state of its own, and unloading
// such a library is asking for a crash at exit. Hence one process runs one library.
//
// The package knows nothing of photos, of the store or of the command line. Which command installs what is missing is
// for the caller to say; here a [MissingError] lists where was looked. Locate needs no cgo; without cgo Open says that
// the program was built without it.
package local
