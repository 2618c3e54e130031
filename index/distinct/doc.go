// Package distinct is the table of the different vectors behind a table of rows:
// what an engine for which equal rows are poison, or a waste, searches instead.
//
// Equal rows have one slot. Slots are numbered in the order in which vectors
// are met first, after those that are known from an earlier search; a vector is
// known by its SHA-256. An engine collects pairs of slots, and Expand turns
// them into the pairs of rows that index.Engine promises: scored by
// index.Dot64, those of equal rows among them, in order.
package distinct
