// Package ingest is the way of a photo into the store: scan -> decode -> embed
// -> store. It decides which files need work, keeps every stage busy, bounds
// what waits between them, and converts between the types of the packages it
// joins (a scan.File and decode.Facts become store rows; nothing else in the
// program does that).
//
// Invariants:
//
//   - Totals reconcile: Seen = Compared + Skipped, always, also when the run is
//     interrupted or fails (Summary counts what was settled).
//   - A file whose size, mtime and inode are unchanged is not opened again,
//     unless Options.Verify asks for it.
//   - A content costs one decoding and one embedding, however many files hold
//     it; a further copy costs a hash.
//   - What was embedded is saved within 200 ms or 256 rows; a killed run loses
//     the batches in flight and nothing else. A run that stops because the
//     embedder failed saves what was embedded and writes nothing for the rest.
//   - No vector is stored that is not finite, of unit length and of the model's
//     dimension, whatever the embedder says.
//   - A file that cannot be compared becomes a row with a reason, never an error.
//   - The tiles held at once are bounded (Options.EmbedCalls), whatever the
//     library's size and however long an embedder takes.
//
// The package must not know the command line, reports or the terminal; progress
// goes out through the small interface Progress.
package ingest
