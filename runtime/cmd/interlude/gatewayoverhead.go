package main

import (
	"context"
	"fmt"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/sim"
)

// overheadFigures are what HTTP adds to the time to the first content of a warm turn.
type overheadFigures struct {
	OverheadP50 float64 `json:"overhead_ms_p50"` // of the differences of the pairs
	OverheadP95 float64 `json:"overhead_ms_p95"`
	HTTPFirst   float64 `json:"http_ttft_ms_p50"`
	SDKFirst    float64 `json:"sdk_ttft_ms_p50"`
	Pairs       int     `json:"overhead_turns"`
	Longest     int     `json:"overhead_longest_context_tokens"`
}

// pair is the same turn in both ways, in time to the first content.
type pair struct{ http, sdk time.Duration }

// measureOverhead has the same conversations over HTTP and by the sdk, turn by turn, in the
// order A B B A. First turns are not counted.
func (c *benchGatewayCmd) measureOverhead(ctx context.Context, o *obtained, runs []replay.Run, pairs int) (f overheadFigures, err error) {
	var measured []pair
	err = c.onGateway(ctx, o, false, func(ctx context.Context, n behindHTTP) error {
		client, done := keptAlive()
		defer done()
		for i := 0; len(measured) < pairs; i++ {
			// Each of the two has a beginning of its own, as long as the other's: neither
			// finds what the other has had computed.
			run := &runs[i%len(runs)]
			over := &chatAgent{client: client, url: n.url, opening: opening{system: fmt.Sprintf("A %d: %s", i+1, run.System)}}
			by := &sdkAgent{program: n.client.Program(fmt.Sprintf("sdk-%d", i+1)), opening: opening{system: fmt.Sprintf("B %d: %s", i+1, run.System)}}
			for k := range run.Turns {
				p, context, err := takeTurns(ctx, over, by, saying{text: run.Turns[k].Says, tokens: 4}, k%2 == 1)
				if err != nil {
					return fmt.Errorf("turn %d of conversation %d: %w", k+1, i+1, err)
				}
				if k > 0 && len(measured) < pairs {
					measured = append(measured, p)
				}
				f.Longest = max(f.Longest, context)
			}
		}
		return nil
	})
	if err == nil {
		f.of(measured)
	}
	return f, err
}

// takeTurns has both say the same, one after the other.
func takeTurns(ctx context.Context, over, by agent, s saying, sdkFirst bool) (p pair, context int, err error) {
	order := []struct {
		agent agent
		first *time.Duration
	}{{over, &p.http}, {by, &p.sdk}}
	if sdkFirst {
		order[0], order[1] = order[1], order[0]
	}
	for _, o := range order {
		h, err := o.agent.turn(ctx, s)
		if err != nil {
			return p, 0, err
		}
		if h.first == 0 {
			return p, 0, fmt.Errorf("an answer without content")
		}
		*o.first = h.first
		context = max(context, h.prompt+s.tokens)
	}
	return p, context, nil
}

// of works the figures out.
func (f *overheadFigures) of(pairs []pair) {
	var more, over, by []programs.Duration
	for _, p := range pairs {
		more, over, by = append(more, programs.Duration(p.http-p.sdk)), append(over, programs.Duration(p.http)), append(by, programs.Duration(p.sdk))
	}
	ms := func(ds []programs.Duration, q float64) float64 { return sim.Quantile(ds, q).Seconds() * 1e3 }
	f.OverheadP50, f.OverheadP95, f.Pairs = ms(more, 0.5), ms(more, 0.95), len(pairs)
	f.HTTPFirst, f.SDKFirst = ms(over, 0.5), ms(by, 0.5)
}
