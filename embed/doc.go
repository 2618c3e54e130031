// Package embed says what an embedding model is to dupfind: a [Backend] that turns square RGB tiles into unit
// vectors, and a [Manifest] that names the model and tells how its tiles, its vectors and its cosines are to be read.
//
// Invariants:
//   - Vectors of different models never meet. [Manifest.Key] is what they are filed under: the name and the digest
//     of the weights, so that a re-quantised model is another model.
//   - A vector that leaves a Backend has passed [CheckVector]: right length, finite, unit norm.
//   - A vector depends on its tile alone, never on what else was in the batch.
//   - Similarity is not the cosine: [Calibration] maps one to the other, and maps it back so exactly that
//     "similarity >= s" and "cosine >= Cosine(s)" select the same pairs.
//
// The package knows nothing of photo files, of decoding or of the store. Backends live below it: embed/local runs an
// ONNX file on this machine; embed/embedtest holds the suite that every backend passes, and a backend without weights.
package embed
