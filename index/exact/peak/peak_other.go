//go:build !amd64

package peak

// loops is empty: for this kind of processor none is written.
var loops []Loop
