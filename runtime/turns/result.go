package turns

import (
	"fmt"
	"time"

	"github.com/interlude-run/interlude/sdk/wire"
)

// complete fills in what every result of the turn says.
func complete(r *wire.Result, id wire.ID, accepted, now time.Time) {
	r.Version = wire.Version
	r.Tenant, r.Program, r.Turn = id.Tenant, id.Program, id.Turn
	r.Timing.AcceptedAt = accepted
	if r.Timing.TotalMS == 0 {
		r.Timing.TotalMS = float64(now.Sub(accepted)) / float64(time.Millisecond)
	}
}

// oversized is the result of a turn whose answer NATS does not let through: a failure
// without the answer, and with all else that the result said.
func oversized(r *wire.Result, bytes int) *wire.Result {
	o := *r
	o.Outcome, o.FinishReason = wire.Failed, ""
	o.Text, o.Tokens, o.Pieces, o.Logprobs = "", nil, nil, nil
	o.Error = &wire.Error{
		Code:    wire.CodeTooLarge,
		Message: fmt.Sprintf("the result has %d bytes, more than NATS lets through", bytes),
		Hint:    "ask for fewer tokens, or raise max_payload of the NATS server",
	}
	return &o
}
