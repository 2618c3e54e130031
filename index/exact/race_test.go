//go:build race

package exact

// raceDetector makes the Go parts of the tests slow.
const raceDetector = true
