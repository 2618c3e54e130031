package term

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Count writes a number with separators: 1,234,567.
func Count[T int | int32 | int64 | uint64](n T) string {
	if n < 0 {
		return "-" + group(strconv.FormatInt(int64(n), 10)[1:])
	}
	return group(strconv.FormatUint(uint64(n), 10))
}

func group(digits string) string {
	b := make([]byte, 0, len(digits)+len(digits)/3)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, ',')
		}
		b = append(b, digits[i])
	}
	return string(b)
}

// Number is a count and what it counts: "1 photo", "1,234 photos". The plural
// is the noun with an s, or what is given.
func Number[T int | int32 | int64 | uint64](n T, noun string, plural ...string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case len(plural) > 0:
		return Count(n) + " " + plural[0]
	}
	return Count(n) + " " + noun + "s"
}

// Bytes writes a size with at most three digits, in decimal units as disks
// and cameras use them: 999 B, 1.2 kB, 34 MB.
func Bytes(n int64) string {
	if n > -1000 && n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), -1
	for unit < 5 && math.Abs(v) >= 999.5 {
		v, unit = v/1000, unit+1
	}
	digits := 0
	if math.Abs(v) < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + []string{"kB", "MB", "GB", "TB", "PB", "EB"}[unit]
}

// Duration writes a time span in the two units that matter: 40 ms, 0.4 s,
// 12 s, 3 min 05 s, 1 h 02 min, 2 d 03 h.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	switch {
	case d > 0 && d < 99500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 9950*time.Millisecond:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %02d h", s/86400, s/3600%24)
}

// Rate writes how many a second: 0.25/s, 3.4/s, 163/s, 12,345/s.
func Rate(perSecond float64) string {
	switch {
	case math.IsNaN(perSecond) || math.IsInf(perSecond, 0) || perSecond <= 0:
		return "0/s"
	case perSecond < 0.995:
		return fmt.Sprintf("%.2f/s", perSecond)
	case perSecond < 9.95:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return Count(int64(math.Round(perSecond))) + "/s"
}
