package worker

import "io"

// Main serves requests until in ends.
func Main(in io.Reader, out io.Writer, args []string) error { return nil }
