package turns

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// backlog bounds the turns that are accepted and not finished. It counts from
// above: what the consumer said when it was last asked, and all that was accepted
// here since. It belongs to the intake.
//
// A tenant may have as many of them, times its weight, as eight times what is free, so that
// there is always room for others, and more the fewer of them there are (dynamic
// thresholds: Choudhury and Hahne, IEEE/ACM ToN 1998):
//
//	tenants that send without end    each has    free
//	1                                8/9         1/9
//	2                                8/17        1/17
type backlog struct {
	consumer jetstream.Consumer
	limit    int

	unfinished int // at least, as of asked, plus what was accepted since
	asked      time.Time
	last       uint64 // place in the stream of what was accepted last
}

// The consumer is asked when the bound seems to be reached, but not for every
// turn of a flood; and now and then, for what other nodes accept.
const (
	askAtMost  = 5 * time.Millisecond
	askAtLeast = time.Second
)

// greed is how much of what is free a tenant may have, for its weight.
const greed = 8

// hasRoom tells whether one more turn may be accepted of a tenant that has so many, as far
// as this node knows, and this weight; 0 is 1.
func (b *backlog) hasRoom(ctx context.Context, now time.Time, own int, weight float64) (bool, error) {
	age := now.Sub(b.asked)
	if weight == 0 {
		weight = 1
	}
	room := func() bool { return float64(own) < greed*weight*float64(b.limit-b.unfinished) }
	if age >= askAtLeast || !room() && age >= askAtMost {
		if err := b.ask(ctx); err != nil {
			return false, err
		}
		b.asked = now
	}
	return room(), nil
}

// ask counts what was never delivered, and what was and is not finished. The
// consumer learns of a stored turn a little late; the stream's last place that is
// known here makes up for it.
func (b *backlog) ask(ctx context.Context) error {
	info, err := b.consumer.Info(ctx)
	if err != nil {
		return err
	}
	waiting := info.NumPending
	if b.last > info.Delivered.Stream {
		waiting = max(waiting, b.last-info.Delivered.Stream)
	}
	b.unfinished = int(waiting) + info.NumAckPending
	return nil
}

// accepted counts a turn in.
func (b *backlog) accepted(place uint64) {
	b.unfinished++
	b.last = max(b.last, place)
}
