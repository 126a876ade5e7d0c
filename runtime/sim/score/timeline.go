package score

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/interlude-run/interlude/runtime/sim/workload"
	"github.com/interlude-run/interlude/toolpredict"
)

// Gap is a pause of a program.
type Gap struct {
	Program    int // index in the set
	Call       toolpredict.Call
	Took       toolpredict.Seconds
	Begin, End float64 // seconds since the first program came
}

// What programs are taken to do between gaps, and how many are there at a time. It
// decides in which order gaps end, and so what is known when others begin.
const (
	tokenSeconds = 0.01
	together     = 8
)

// Timeline lists all gaps, in the order in which they begin, when each program of the
// set runs once: they come one after the other, in an order drawn by the seed, so that
// about 8 are there at a time. The tenant of a call is the program's source.
func Timeline(s *workload.Set, seed uint64) []Gap {
	var gaps []Gap
	var total float64
	for i := range s.Programs {
		total += s.Programs[i].Remaining(-1).Gaps.Seconds() + tokenSeconds*float64(s.Programs[i].Remaining(-1).Decode)
	}
	every := total / float64(len(s.Programs)) / together
	for place, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(s.Programs)) {
		p := &s.Programs[i]
		now := every * float64(place)
		for t := range p.Turns[:len(p.Turns)-1] {
			turn := &p.Turns[t]
			now += tokenSeconds * float64(turn.Output)
			gaps = append(gaps, Gap{
				Program: i,
				Call:    toolpredict.Call{Program: p.ID, Tenant: p.Source, Tool: turn.Tool, Class: turn.Class, Human: turn.Human},
				Took:    toolpredict.Seconds(turn.Gap.Seconds()),
				Begin:   now, End: now + turn.Gap.Seconds(),
			})
			now += turn.Gap.Seconds()
		}
	}
	slices.SortStableFunc(gaps, func(a, b Gap) int { return cmp.Compare(a.Begin, b.Begin) })
	return gaps
}

// Play has the predictor forecast each gap when it begins and learn from it when it
// ends. After each it calls ended with what had been forecast, which is valid during
// the call.
func Play(gaps []Gap, p Predictor, ended func(Gap, *Forecast)) {
	byEnd := make([]int, len(gaps))
	for i := range byEnd {
		byEnd[i] = i
	}
	slices.SortStableFunc(byEnd, func(a, b int) int { return cmp.Compare(gaps[a].End, gaps[b].End) })
	forecasts := make(map[int]*Forecast)
	next := 0
	for _, i := range byEnd {
		for ; next < len(gaps) && (gaps[next].Begin < gaps[i].End || next <= i); next++ {
			f := p.Forecast(gaps[next].Call)
			forecasts[next] = &f
		}
		ended(gaps[i], forecasts[i])
		delete(forecasts, i)
		p.Observe(gaps[i].Call, gaps[i].Took)
	}
}
