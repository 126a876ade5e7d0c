package turns

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// delivery is how one talks to JetStream of a message that it has delivered: by the
// message's reply subject, which is all that is kept of it. What is said may be lost: then
// the message comes again.
type delivery struct {
	conn  *nats.Conn
	reply string
}

// done says that the message is not to come again.
func (d delivery) done() error { return d.conn.Publish(d.reply, []byte("+ACK")) }

// never says the same of one that cannot be dealt with.
func (d delivery) never() error { return d.conn.Publish(d.reply, []byte("+TERM")) }

// later says that the message is to come again after a while.
func (d delivery) later(after time.Duration) error {
	if after <= 0 {
		return d.conn.Publish(d.reply, []byte("-NAK"))
	}
	return d.conn.Publish(d.reply, fmt.Appendf(nil, `-NAK {"delay":%d}`, after.Nanoseconds()))
}

// inHand says that the message is not to come again within AckWait.
func (d delivery) inHand() error { return d.conn.Publish(d.reply, []byte("+WPI")) }

// inHandFor says that the message is not to come again for so long, which may be longer
// than AckWait: for JetStream that is the same as later. An inHand, or a later, that
// follows counts from its own time, whatever was said before.
func (d delivery) inHandFor(lease time.Duration) error { return d.later(lease) }
