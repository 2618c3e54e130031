// Package bench measures backends side by side: how long until the first vector, how long one photo takes, how many a
// second go through, how much of that is the network, and what it costs.
//
// What is measured comes in as a [Target]; the package knows how to ask for vectors and nothing of models, servers or
// flags. A measurement is a load (so many tiles a request, so many requests in flight, or so many a second) after a
// warm-up of its own, cut into windows. It ends when three windows in a row agree, and its figures are those of these
// three; where none agree within the time given, they are of all windows, and the record says so. Nothing that was
// measured is thrown away unseen: the record lists every window.
//
// Latencies of closed loops say how long requests take when the client waits for each; they hide what a stall does to
// those who come meanwhile. The open loop sends at fixed times and counts from the time when a request was due, not from
// when it could be sent, so that a stall is felt by all requests that were due in it. (Gil Tene calls the omission
// "coordinated"; his wrk2 and HdrHistogram made the remedy known.)
//
// What it is not: a load generator for many machines, or a profiler. The client shares this machine with whatever runs
// on it, a local server included.
package bench
