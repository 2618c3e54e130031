// Package find is the way from stored vectors to pairs of known kind and to
// groups: it drives the index, compares pixels where only they can decide, and
// keeps what it found.
//
// Update belongs to scan and runs under its lock: it searches new photos
// against all and stores the pairs. Groups and EachPair belong to report: they
// read one snapshot of the store, so that a scan may go on beside them, and
// write nothing but evidence.
//
// Photos without detail never enter the index. They are joined by equal tile
// and size, as all photos are, and become pairs only when their pixels have been
// compared in full. What is compared is one digest of all pixels for each photo,
// so that 20,000 equal pages cost 20,000 digests once and 19,999 pairs, each
// with the one that would be kept, and not 200 million.
//
// The package converts between store, index, match, group and decode, which do
// not know each other. It does not print, and does not know the command line.
package find
