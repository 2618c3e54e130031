// Package store keeps what dupfind knows in one SQLite file: the roots and
// their files, the contents behind them, vectors, pairs, evidence and the
// journal of the quarantine. Every SQL statement of the program is here, and
// nothing else uses the driver.
//
// Everything hangs on content, the SHA-256 of a file's bytes: a renamed file or
// a second copy costs a hash and no embedding. A file that disappears is marked
// gone and keeps its row; only Forget drops rows. The journal is never dropped.
//
// A DB has two handles on the file (WAL mode): one connection that writes, in
// transactions of its own, and several that only read. A writer process and
// readers may run side by side; that only one process writes for long is
// Lock's concern. Killed at any moment, the file holds every committed batch
// and no part of another.
//
// The package knows nothing of how files are found, decoded, embedded or
// compared: it takes and gives its own plain structs, and other packages
// convert. Paths are bytes in Go strings, times are nanoseconds since 1970.
package store
