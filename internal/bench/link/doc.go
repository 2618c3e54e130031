// Package link puts a simulated network between a client and a server on this machine: a round trip that takes its
// time, and an upload of limited rate. It is toxiproxy run in this process, so that nothing has to be installed or
// started.
//
// What it is not: there is no loss, no slow start and no jitter, and the download is not limited. Each connection has
// the whole rate to itself, as toxiproxy limits connections, not links: measure with one connection, as the client
// makes it.
package link
