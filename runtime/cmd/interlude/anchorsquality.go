package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/anchors"
)

// qualityFigures are how far answers over moved cells are from those over dense ones. The
// keys are of the way that is shipped; edits are those that it is meant to survive.
type qualityFigures struct {
	KLMean   float64 `json:"kl_mean"` // of a text that another agent has read
	KLP99    float64 `json:"kl_p99"`
	Moved    float64 `json:"kl_moved"` // how much of that text was moved: what strays too far is computed
	Top1     float64 `json:"top1"`
	EditMean float64 `json:"edit_kl_mean"` // dropped and replaced output, another system line
	EditP99  float64 `json:"edit_kl_p99"`
	EditTop1 float64 `json:"edit_top1"`

	Noise    float64           `json:"kl_noise"` // of dense contexts computed in other steps, over all cases
	Programs int               `json:"quality_programs"`
	Length   int               `json:"quality_context_tokens"` // of a program's context, about
	Answer   int               `json:"quality_answer_tokens"`
	Arms     []anchors.Summary `json:"quality"`
}

// The arms of the figures: what nodes do, all that could be moved, and what rounding makes.
const (
	shippedArm  = "place"
	unmendedArm = "rotated"
	floorArm    = "dense, other steps"
)

// measureQuality has an engine of its own, set as a node's is.
func (c *benchAnchorsCmd) measureQuality(ctx context.Context, o *obtained, corpus *corpus) (_ *qualityFigures, err error) {
	f := &qualityFigures{Programs: 6, Length: 1400, Answer: 48}
	if c.Quick {
		f.Programs, f.Length, f.Answer = 2, 300, 12
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	flags := engineFlags{Weights: "auto", KVType: replayKVType, KVBytes: 1 << 30, MaxStep: 512, Threads: c.Threads}
	e, err := flags.open(o)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	template, err := chat.Compile(e.Vocab().ChatTemplate(), e.Vocab())
	if err != nil {
		return nil, err
	}
	texts := &anchors.Texts{Template: template, Text: corpus.text, Length: f.Length}
	lab := &anchors.Lab{Engine: e, Answer: f.Answer}
	var samples []anchors.Sample
	for program := range f.Programs {
		cases, err := texts.Cases(program)
		if err != nil {
			return nil, err
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "[%d/%d] quality\n", program+1, f.Programs)
		more, err := lab.Measure(cases, anchors.Arms())
		if err != nil {
			return nil, err
		}
		samples = append(samples, more...)
	}
	f.sum(samples)
	return f, nil
}

// sum fills the figures in.
func (f *qualityFigures) sum(samples []anchors.Sample) {
	of := func(keep func(s *anchors.Sample) bool) anchors.Summary {
		return anchors.Pool(slices.DeleteFunc(slices.Clone(samples), func(s anchors.Sample) bool { return !keep(&s) }))
	}
	shared := of(func(s *anchors.Sample) bool { return s.Arm == shippedArm && s.Case == anchors.Shared })
	edits := of(func(s *anchors.Sample) bool { return s.Arm == shippedArm && slices.Contains(anchors.Far, s.Case) })
	floor := of(func(s *anchors.Sample) bool { return s.Arm == floorArm })
	f.KLMean, f.KLP99, f.Top1 = shared.Mean, shared.P99, shared.Top1
	f.EditMean, f.EditP99, f.EditTop1 = edits.Mean, edits.P99, edits.Top1
	if all := of(func(s *anchors.Sample) bool { return s.Arm == unmendedArm && s.Case == anchors.Shared }); all.Moved > 0 {
		f.Moved = float64(shared.Moved) / float64(all.Moved)
	}
	f.Noise, f.Arms = floor.Mean, anchors.Summarise(samples)
}
