// Package inference is the wire contract between dupfind and a server that embeds tiles: the messages and calls of
// inference.proto, which tells what they mean. tools/protoc.sh makes it; nothing here is written by hand but this comment.
package inference
