package programs

import (
	"math"
	"time"
)

// Time is an instant: nanoseconds since an origin that the shell chooses. The
// zero Time is that origin; where a Time is optional it means none.
type Time int64

// Duration is a span of time in nanoseconds, as in package time.
type Duration int64

// Spans of time to count in.
const (
	Microsecond = Duration(time.Microsecond)
	Millisecond = Duration(time.Millisecond)
	Second      = Duration(time.Second)
	Minute      = Duration(time.Minute)
	Hour        = Duration(time.Hour)
)

// Seconds is the span of s seconds, and the longest span there is where s is more.
func Seconds(s float64) Duration {
	if s >= float64(math.MaxInt64)/float64(Second) {
		return math.MaxInt64
	}
	return Duration(s * float64(Second))
}

// Seconds is d in seconds.
func (d Duration) Seconds() float64 { return float64(d) / float64(Second) }

// Add gives the instant d after t.
func (t Time) Add(d Duration) Time { return t + Time(d) }

// Sub gives the span from u to t.
func (t Time) Sub(u Time) Duration { return Duration(t - u) }

// String gives t as the span since the origin, "1.5s".
func (t Time) String() string { return Duration(t).String() }

// String formats d as package time does, "1.5s".
func (d Duration) String() string { return time.Duration(d).String() }
