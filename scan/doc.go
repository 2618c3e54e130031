// Package scan walks a photo library and says which files are in it.
//
// [Walk] visits a folder in a fixed order (bytewise by relative path, whatever
// the order in which the disk answers), and hands on every regular file with
// its size, times and identity. It opens a file only to look at the first
// bytes of one whose name is not a photo's, and it never follows a symbolic
// link and never opens a FIFO, a socket or a device.
//
// What it leaves out it counts, each entry under exactly one rule, so that
// the totals of [Counts] add up: an entry seen is a file visited, a folder
// walked, a problem, or left out. Folders left out by rule are not looked
// into, so what is inside them is not counted.
//
// The rules, in the order in which they are asked. The first four stand
// whatever the user says, because they keep photos safe:
//
//   - symlink, special: links, FIFOs, sockets and devices.
//   - quarantine: folders named .dupfind-quarantine, and those that hold a
//     dupfind-manifest.jsonl.
//   - managed: the inside of libraries that belong to another program. Of
//     *.photoslibrary and *.photolibrary only the photos themselves
//     (originals, Masters) are visited, and marked [File.Managed].
//   - not on this disk: files that a cloud service holds (a problem, listed).
//   - excluded: [Options.Exclude], in gitignore's syntax. A pattern with "!"
//     also takes a name back from the rules that follow.
//   - trash, system, thumbnails: folders that a program made and no person
//     would name so. A folder called "thumbnails" is a person's and is
//     visited.
//   - hidden: any other name that begins with a dot.
//   - exclude-if-present, other file system: options.
//
// Scan knows nothing of what a photo looks like, of EXIF, of the store or of
// models. Names are bytes: a relative path may hold any byte but NUL.
package scan
