//go:build !amd64 && !arm64

package exact

// assembled is empty: for this kind of processor there is no kernel but the one in Go.
var assembled []kernel

// assembledRows is nil where there is none.
var assembledRows *rowFuncs
