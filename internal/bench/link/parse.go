package link

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// rateUnits are bits a second, in powers of 1000 as networks are sold.
var rateUnits = []struct {
	suffix string
	bits   float64
}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}}

// ParseRate reads a rate such as 20mbit, 1.5Gbit/s or 500 kbit; "" is 0, no limit.
func ParseRate(s string) (bitsPerSecond int64, err error) {
	if s == "" {
		return 0, nil
	}
	text := strings.TrimSuffix(strings.ToLower(s), "/s")
	for _, u := range rateUnits {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(n) || n < 0 || n*u.bits > maxRate {
			break
		}
		return int64(n * u.bits), nil
	}
	return 0, fmt.Errorf("%q is not a rate: give a number with kbit, mbit or gbit, such as 20mbit", s)
}

// FormatRate writes a rate as ParseRate reads it.
func FormatRate(bitsPerSecond int64) string {
	f := float64(bitsPerSecond)
	switch {
	case f >= 1e9:
		return strconv.FormatFloat(f/1e9, 'f', -1, 64) + " Gbit/s"
	case f >= 1e6:
		return strconv.FormatFloat(f/1e6, 'f', -1, 64) + " Mbit/s"
	}
	return strconv.FormatFloat(f/1e3, 'f', -1, 64) + " kbit/s"
}
