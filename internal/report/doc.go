// Package report writes what was found, from plain structs: a table for a
// person, JSON, CSV, and pairs for scripts. The same document gives the same
// bytes, in the order in which it lists its groups; nothing is looked up,
// sorted or decided here. It knows nothing of the store or the command line.
//
// # JSON, schema 1
//
// One object. Fields are added in later versions, never renamed or removed;
// lists are never null; sizes are bytes, times RFC 3339 in UTC. A name that is
// not UTF-8 has its bad bytes replaced in "path", and its bytes stand in
// "path_base64".
//
//	schema          1
//	type            "report"
//	program         name and version of what wrote it
//	threshold       the similarity asked for
//	threshold_cosine  that similarity as a cosine of the model's vectors
//	model           {name, digest, measured, remark}: measured is false when
//	                the scale of similarities was not measured for this model
//	engine          {name, exact}
//	roots           folders of the library, each {path, here}
//	filter          {kinds, paths, min_size_bytes}: what was asked for
//	quarantine_kinds  the kinds that quarantine moves unless told otherwise
//	summary         files, photos (contents), compared, low_detail,
//	                no_vector, skipped, too_small, outside; proposals,
//	                confirmed, expected_false; groups, members, kinds
//	                [{kind, members}], moves, moves_bytes, removed_before;
//	                moves counts the members with moves, moves_bytes is what
//	                moving them all would take out of the library's folders
//	                compared + low_detail + no_vector = photos
//	unconfirmed     [{path, reason}]: look equal, could not be compared in full
//	groups          [{id, keeper, keeper_reason, members, moves_bytes}]
//	notes           sentences for a person
//
// A keeper and a member are files:
//
//	path, path_base64, size_bytes, modified, sha256
//	format, width, height (as displayed), taken_at (as the camera wrote it)
//	managed, protected  inside another program's library; in a protected folder
//	links           other paths of the same file (hard links)
//	removed_before  the quarantine run that moved this content before
//
// and a member has besides:
//
//	kind, similarity, cosine   of its pair with the keeper
//	reason          why the keeper is kept rather than this file; names in it are
//	                quoted and escaped as Go's %q does, as they are in keeper_reason
//	keeper_lacks    what this file has and the keeper has not
//	moves           of a kind that is moved unless told otherwise; quarantine may
//	                still hold it back, for a sidecar or a sibling of the same name
//	stays_because   why it cannot be moved as a member of this group, "" when it can
//	keeper_of       the id of the surer group that has settled this file: nearly
//	                always as its keeper, else as a copy of a better photo
//
// # CSV
//
// A header, then a row for each file of each group, the keeper first. Columns
// are those of the header (see csvHeader), named as in JSON; role is "keeper"
// or "member". Paths are written as their bytes are; path_base64 is there for
// those that are not UTF-8 and for those with control characters in them, which
// readers of CSV may change.
//
// # Pairs
//
// A header and a line for each pair of files: path_a, path_b, similarity,
// cosine, kind, separated by tabs. In paths a backslash, tab, line feed,
// carriage return, any other control character and any byte that is not UTF-8
// are escaped as \\, \t, \n, \r and \xNN. With NUL-terminated records paths are
// raw bytes: as both begin with '/', and the last three fields hold no tab, the
// second begins behind a tab that is followed by '/'.
//
// The text for a person is laid out by internal/term, the one package besides
// match and group that this one uses: widths, sizes and harmless names are
// decided in one place for everything that the program prints.
package report
