// Package remote is a backend that runs its model on servers: any that speak the Open Inference Protocol v2 by gRPC, such
// as Triton, KServe or server/pytorch. docs/protocol.md says what a server must answer.
//
// One client for all of them, made for a link that is long, slow or both. Tiles of all calls of [Backend.Embed] wait in
// one queue. Each server takes from it as many as make a good request, whenever it may have one more request under way,
// and waits for company only where tiles come one by one, and only a moment. How many requests that are follows the
// link (flow.go): measured rate x least round trip, by Little's law, so that a slow link does not queue for seconds and
// a fast one is not half empty.
//
// Invariants:
//   - A vector is given out only after its request's id, shape, length, numbers and norm were checked.
//   - A tile is embedded once or its call fails: what a lost server had is sent again, and nothing is doubled, since
//     an answer settles its tiles only once.
//   - The model is checked when a server is met and each time it comes back: metadata, digest and 16 golden tiles.
//   - Memory is bounded by the tiles that the callers hold: a server that stalls makes them wait, no more.
//   - A server that is gone costs one notice. The others go on; when none is left for Options.Patience, the calls fail
//     and what was not embedded stays with the caller.
//   - Only tiles leave the machine. A token never crosses the network in the clear.
//
// The package knows nothing of photos, files or the store; what is remembered of a model is its caller's business.
package remote
