// Package quarantine moves copies of photos out of the way and puts them back. It is the only package of
// the program that moves a photo, and its first rule is that no photo is lost, whenever it is killed.
//
// A run has four acts. Prepare checks a list of moves and holds back what must not go; it changes nothing.
// Plan.Run moves the rest into a new folder, one file at a time. Recover finishes or takes back what a
// killed run left half done; it runs before every next command and twice is as good as once. Restore puts
// files back, from the journal in the store or from a quarantine folder alone.
//
// What the package upholds:
//   - No file is deleted or overwritten. A file gets a new name by a rename that cannot replace; only
//     across filesystems is a source unlinked, after its copy was synced and read back.
//   - Right before a move the keeper and the copy are read whole and have the hashes that the store
//     knows, and are not one file. After it the keeper is still there, or the move is taken back.
//   - A file that any move of the run relies on as its keeper is not moved in that run.
//   - Intent is written to the manifest (JSON lines, in the quarantine folder) and to the journal (in the
//     store) and synced before the first move; the outcome of each move is written and synced before the
//     next one. The manifest is the truth; the journal follows it.
//   - No folder of the library is removed, and no symlink is followed on the way to a file.
//
// The package knows nothing of pixels, kinds' meaning, groups or the command line: it gets plain structs
// and gives plain structs. The one lock of the program belongs to the caller; the package locks the roots
// as well, so that two stores over one library cannot get in each other's way.
package quarantine
