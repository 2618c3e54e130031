// Package format tells what a file is by its bytes, and finds the pictures inside camera raw files.
//
// Names are hints at most: a JPEG called .nef is a JPEG. Everything here reads foreign bytes, allocates nothing that a file
// could make large, and ends in time that grows with the file's size alone; it decodes no pixel and has no cgo.
package format
