// Package embedtest is what the tests of backends, and of those who use them, need.
//
//   - [Conformance] is the suite that every embed.Backend passes.
//   - [Pixels] is a backend without weights: its vectors come from coarse pixels. It is quick, needs no library, and
//     finds re-encoded and resized copies well enough that whole commands can be tested with it. It is no model: it
//     knows nothing of crops, turns or mirrors.
//   - [Faulty] makes one call of another backend go wrong.
//   - [StartPyTorch], [StartTriton] and [StartKServe] start real servers for the length of a test, in what
//     tools/servers.sh made; a test can kill and restart them. [Cert] makes certificates for them.
//
// The package is for tests; nothing that users run imports it.
package embedtest
