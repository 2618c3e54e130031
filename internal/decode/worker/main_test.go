package worker

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes the test binary a decode worker when it is called like one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "decode-worker" {
		if err := Main(os.Stdin, os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
