// Package group turns pairs of photos into groups: one photo to keep, and
// members that are each a pair with it.
//
// Groups are stars, never chains: A like B and B like C does not put C with A.
// The surest pairs are grouped first (see stars.go), so that a vague pair never
// takes a copy away from the photo that it is a copy of, and so that the groups
// of sure kinds are the same whether vaguer pairs are given or not. A photo is a
// member of one group at most. The keeper of a group may be shown once more in
// vaguer groups; there it is never to be moved.
//
// The unit of moving is a copy: one inode, whatever number of names it has.
// Photos (contents) with several copies are groups by themselves.
//
// The package is pure: it opens no file, asks no clock and imports nothing of
// the program. The same photos and pairs give the same groups in whatever order
// they come. It decides nothing about moving beyond Movable and its reason.
package group
