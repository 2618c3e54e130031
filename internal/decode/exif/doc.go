// Package exif reads camera facts out of EXIF data, with goexif behind a guard. It runs in decode workers only.
//
// goexif loops for ever on directories that point at each other, copies every value as often as it is listed, gives up the
// whole block for one bad tag, and panics on some. So it never sees the photo's bytes: the guard walks the three directories
// that matter within fixed bounds and writes the tags in use, and only those whose values are whole, into a new small
// block. goexif reads that. What the guard writes is at most some 100 KiB, whatever it was given.
//
// Stars and captions, which most programs write into XMP alone, are taken from there.
//
// The package knows nothing of JPEG or any other container: its caller hands it the block.
package exif
