// Package index states the one question that a search engine answers for
// dupfind: which pairs of unit vectors have a cosine of at least t.
//
// The engines stand in packages below this one; index/exact never misses a
// pair and is the default. An engine gets rows of float32 and gives pairs of
// row numbers: it knows no photos, no files, no store and no model. What the
// rows stand for is the caller's business (internal/find).
package index
