// Package turbo reads JPEG files by the libjpeg API of libjpeg-turbo. It is the only user of that library.
//
// It exists because JPEG is nearly all of a photo library and decoding is the cost of a scan: libvips' thumbnail of the
// same files takes two and a half times as long. The picture is decoded at the smallest of the scales 1/8, 1/4, 1/2 and 1
// that leaves enough pixels for a good tile, and [Resample] brings it (and the pixels of any other format) to tile size.
//
// Invariants:
//   - Every warning of the library is judged here: what is harmless (stray bytes before a marker) is passed over, what
//     means lost picture data (premature end, bad Huffman code, restart markers out of order) is an [Error]. No picture
//     comes back half grey.
//   - Declared sizes are checked before anything is allocated.
//   - The same coded picture gives the same pixels, and the same pixels give the same tile, on every chip: all arithmetic
//     of the resampler is on integers.
//
// It knows nothing of files, worker processes, colour profiles (it hands out the profile's bytes) or EXIF (likewise).
package turbo
