// Package fsx holds file operations that cannot lose a file: renames that never overwrite, copies that are
// synced and read back before anybody relies on them, folders opened without following a symlink, and
// syncs that reach the disk.
//
// Everything works from an open folder (Dir), not from a path, so that what was checked and what is acted
// upon is the same file even when somebody renames folders in between. Names are bytes; a relative path is
// '/'-separated, and a component that is a symlink is refused, never followed.
//
// The package knows nothing of photos, manifests or the store. It deletes only by Dir.Remove and
// Dir.RemoveDir, whose callers say why.
package fsx
