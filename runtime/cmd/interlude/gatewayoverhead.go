package main

import (
	"context"
	"errors"
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
	BesideP50   float64 `json:"overhead_beside_steps_ms_p50"` // the same without the engine's steps, which differ by chance
	BesideP95   float64 `json:"overhead_beside_steps_ms_p95"`
	HTTPFirst   float64 `json:"http_ttft_ms_p50"`
	SDKFirst    float64 `json:"sdk_ttft_ms_p50"`
	Pairs       int     `json:"overhead_turns"`
	Longest     int     `json:"overhead_longest_context_tokens"`
}

// pair is the same turn in both ways.
type pair struct{ http, sdk firstContent }

// firstContent is the time to the first content of an answer, and how much of it is spent in
// the engine's steps.
type firstContent struct{ all, steps time.Duration }

// measureOverhead has the same conversations over HTTP and by the sdk, turn by turn, in the
// order A B B A. First turns are not counted.
func (c *benchGatewayCmd) measureOverhead(ctx context.Context, o *obtained, runs []replay.Run, pairs int) (f overheadFigures, err error) {
	var measured []pair
	probe := &probe{}
	err = c.onGateway(ctx, o, false, probe.attach, func(ctx context.Context, n behindHTTP) error {
		client, done := keptAlive()
		defer done()
		for i := 0; len(measured) < pairs; i++ {
			// Each of the two has a beginning of its own, as long as the other's: neither
			// finds what the other has had computed.
			run := &runs[i%len(runs)]
			over := &chatAgent{client: client, url: n.url, opening: opening{system: fmt.Sprintf("A %d: %s", i+1, run.System)}}
			by := &sdkAgent{program: n.client.Program(fmt.Sprintf("sdk-%d", i+1)), opening: opening{system: fmt.Sprintf("B %d: %s", i+1, run.System)}}
			for k := range run.Turns {
				p, context, err := takeTurns(ctx, probe, over, by, saying{text: run.Turns[k].Says, tokens: 4}, k%2 == 1)
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
func takeTurns(ctx context.Context, probe *probe, over, by agent, s saying, sdkFirst bool) (p pair, context int, err error) {
	order := []struct {
		agent agent
		first *firstContent
	}{{over, &p.http}, {by, &p.sdk}}
	if sdkFirst {
		order[0], order[1] = order[1], order[0]
	}
	for _, o := range order {
		probe.begin()
		h, err := o.agent.turn(ctx, s)
		if err != nil {
			return p, 0, err
		}
		if h.first == 0 {
			return p, 0, errors.New("an answer without content")
		}
		*o.first = firstContent{h.first, probe.spent()}
		context = max(context, h.prompt+s.tokens)
	}
	return p, context, nil
}

// of works the figures out.
func (f *overheadFigures) of(pairs []pair) {
	ms := func(q float64, of func(p pair) time.Duration) float64 {
		var all []programs.Duration
		for _, p := range pairs {
			all = append(all, programs.Duration(of(p)))
		}
		return sim.Quantile(all, q).Seconds() * 1e3
	}
	more := func(p pair) time.Duration { return p.http.all - p.sdk.all }
	f.Pairs, f.OverheadP50, f.OverheadP95 = len(pairs), ms(0.5, more), ms(0.95, more)
	beside := func(p pair) time.Duration { return more(p) - (p.http.steps - p.sdk.steps) }
	f.BesideP50, f.BesideP95 = ms(0.5, beside), ms(0.95, beside)
	f.HTTPFirst = ms(0.5, func(p pair) time.Duration { return p.http.all })
	f.SDKFirst = ms(0.5, func(p pair) time.Duration { return p.sdk.all })
}
