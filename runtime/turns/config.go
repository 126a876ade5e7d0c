package turns

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Config says how a node takes part. The zero value of each field is a default.
// Nodes on one NATS share AckWait, MaxAge and Replicas: who starts last sets them.
type Config struct {
	Node string // its name in results; default: the host's and a random part

	MaxQueued    int           // turns accepted and not finished, on all nodes; default DefaultJobs
	MaxJobs      int           // turns that this node takes and has not ended; default DefaultJobs
	BodyBytes    int           // of messages, that have come and are not looked into yet; default 64 MiB. Others are read again
	MaxTurnBytes int           // of a submitted message; default 1 MiB
	RetryAfter   time.Duration // what a full queue tells clients to wait at least; default 250 ms

	// Pace is about in what time one fewer turn waits on this node, as whoever runs turns
	// can tell; 0 is not known. A full queue tells clients to wait for so long. Default: not
	// known.
	Pace func() time.Duration

	AckWait   time.Duration // a node unheard of for so long loses its running turns; default 4 s
	WaitLease time.Duration // and for so long, at most, those that wait; default 2 min, or AckWait if that is more. See lease.go
	MaxAge    time.Duration // how long turns and results are kept; default 7 days
	Replicas  int           // of the streams, on a cluster; default 1

	Weights map[string]float64 // of tenants, in places of the queue; 1 of those that are not there

	Signals Signals      // who hears what clients say between turns; nil: nobody
	Counter Counter      // who counts tokens of prompts; nil: nobody
	Looks   Looks        // who tells of the programs that the node has; nil: nobody
	Log     *slog.Logger // default: none
}

// DefaultJobs is how many turns a node takes by default: so many that the scheduler sees all
// that are accepted.
const DefaultJobs = 100_000

func (c Config) withDefaults() Config {
	if c.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "node"
		}
		c.Node = host + "-" + rand.Text()[:6]
	}
	setDefault(&c.MaxQueued, DefaultJobs)
	setDefault(&c.MaxJobs, DefaultJobs)
	setDefault(&c.BodyBytes, 64<<20)
	setDefault(&c.MaxTurnBytes, 1<<20)
	setDefault(&c.RetryAfter, 250*time.Millisecond)
	setDefault(&c.AckWait, 4*time.Second)
	setDefault(&c.WaitLease, max(2*time.Minute, c.AckWait))
	setDefault(&c.MaxAge, 7*24*time.Hour)
	setDefault(&c.Replicas, 1)
	if c.Pace == nil {
		c.Pace = func() time.Duration { return 0 }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

func (c Config) validate() error {
	for _, v := range []struct {
		name  string
		value int64
		least int64
	}{
		{"MaxQueued", int64(c.MaxQueued), 1},
		{"MaxJobs", int64(c.MaxJobs), 1},
		{"BodyBytes", int64(c.BodyBytes), 1},
		{"MaxTurnBytes", int64(c.MaxTurnBytes), 1},
		{"RetryAfter", int64(c.RetryAfter), int64(time.Millisecond)},
		{"AckWait", int64(c.AckWait), int64(20 * time.Millisecond)},
		{"WaitLease", int64(c.WaitLease), int64(c.AckWait)},
		{"MaxAge", int64(c.MaxAge), int64(time.Second)},
		{"Replicas", int64(c.Replicas), 1},
	} {
		if v.value < v.least {
			return fmt.Errorf("turns: %s is %d, less than %d", v.name, v.value, v.least)
		}
	}
	return nil
}
