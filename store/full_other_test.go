//go:build !linux

package store

import "testing"

// mountSmall cannot mount a filesystem of a given size here.
func mountSmall(*testing.T, string, int) bool { return false }
