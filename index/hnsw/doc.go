// Package hnsw is the engine over github.com/coder/hnsw, a graph in which a
// search walks from neighbour to neighbour. It misses pairs; index/exact is the
// default because it does not, and is faster. This engine is for who asks for
// it by name, and its recall is measured wherever its pairs are shown
// (index.EstimateRecall).
//
// At its defaults the library (v0.6.1) finds about half of the pairs: when a
// list is full it throws away an arbitrary entry instead of the worst, its
// search ends at the first step without improvement, and a node's links are its
// nearest nodes, so that a group of near-equal photos becomes an island. What
// its public interface allows against that is done here:
//
//   - equal vectors enter once, under keys that never repeat, and nothing is
//     ever deleted: the library panics at the one and damages itself at the other;
//   - graphs have 32 links a node, and a search asks for 100 neighbours, then
//     for twice as many until the last of them is below the threshold;
//   - each distance that the library asks for, while it adds or searches, is a
//     comparison made: pairs at or above the threshold are kept even where the
//     library forgets them;
//   - there are three graphs, built in different orders, each by one goroutine
//     (the library has no locks), and what any of them finds counts;
//   - in each group of photos that the pairs connect, all pairs are compared.
//
// Candidates are scored by index.Dot64, so that each pair that is found has the
// cosine that index/exact gives it. Which pairs are found differs from run to
// run: the library enters a layer at whatever node a map yields first.
//
// The graphs can be saved (Engine.Save), are extended by a later search with
// new rows, and are built anew when a row is gone or changed: a node cannot be
// taken out. A vector is known by its SHA-256. Nodes hold the number of their
// vector instead of the vector, which keeps the file small and lets the library
// compare what lies in the caller's table.
package hnsw
