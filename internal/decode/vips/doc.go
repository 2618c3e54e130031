// Package vips reads every photo format but JPEG by libvips (and CMYK JPEG files too), and brings pixels of any colour
// profile to sRGB by Little CMS, the library beneath libvips' own colour management. It is the only user of either.
//
// Invariants:
//   - Strict: what is cut short or damaged is an [Error], never a picture that is half grey. libvips forgives unless told
//     otherwise, and for some formats it forgives even then; what it does not see is checked here.
//   - The loader is chosen by the format that the caller names, so a file never reaches libvips' readers of SVG, PDF or
//     anything else that is no photo.
//   - Declared sizes are checked before anything is allocated for them, and large pictures shrink while they stream.
//   - Files of different lossless formats that hold one picture give the same pixels.
//
// It knows nothing of files, tiles' use, worker processes, or what EXIF means, its orientation excepted.
package vips
