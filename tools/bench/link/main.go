// Command link puts a simulated network between this machine's clients and one server: it prints the address to connect to
// instead of the server's, and forwards until its standard input ends or it is interrupted.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/dupfind/dupfind/internal/bench/link"
)

func main() {
	var o link.Options
	var up string
	upstream := flag.String("upstream", "", "`HOST:PORT` of the server")
	flag.DurationVar(&o.RTT, "rtt", 0, "what a round trip takes, such as 180ms")
	flag.StringVar(&up, "up", "", "the most that goes to the server, such as 20mbit; empty: no limit")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *upstream, up, o); err != nil {
		fmt.Fprintln(os.Stderr, "link:", err)
		os.Exit(1)
	}
}

func run(stdin io.Reader, stdout io.Writer, upstream, up string, o link.Options) (err error) {
	if upstream == "" {
		return errors.New("give -upstream HOST:PORT")
	}
	if o.UpBitsPerSecond, err = link.ParseRate(up); err != nil {
		return fmt.Errorf("-up: %w", err)
	}
	l, err := link.New(upstream, o)
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := fmt.Fprintln(stdout, l.Addr()); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // however it ends, nobody is there any more
		end <- os.Interrupt
	}()
	<-end
	return nil
}
