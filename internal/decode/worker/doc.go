// Package worker is the inside of a decoding process: the hidden command "dupfind decode-worker".
//
// It reads requests from its standard input, one photo at a time, and answers on its standard output, in the frames of
// package decode. It opens each file once, without following a link and without waiting on a pipe, reads it whole, hashes
// it, asks whether it is wanted, and decodes the same bytes. The libraries that see foreign bytes (libjpeg-turbo,
// libvips, goexif) run here and nowhere else.
//
// It protects the rest of the machine from itself: a limit on its memory, no reaction to Ctrl-C (the parent decides), and
// an end as soon as the parent is gone. It knows nothing of the store, the model, or what becomes of its answers.
package worker
