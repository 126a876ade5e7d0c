package replay

import (
	"fmt"
	"strings"
	"time"
)

// SLO is what is promised to a share of the agents: the first token of each turn within
// TTFT of its submission, and the last answer within JCT of the first turn's. 0 promises
// nothing.
type SLO struct {
	TTFT  time.Duration `json:"ttft_ns"`
	JCT   time.Duration `json:"jct_ns"`
	Share float64       `json:"share"`
}

func (s *SLO) String() string {
	var parts []string
	if s.TTFT > 0 {
		parts = append(parts, fmt.Sprintf("the first token of each turn within %v", s.TTFT))
	}
	if s.JCT > 0 {
		parts = append(parts, fmt.Sprintf("their last answer within %v", s.JCT))
	}
	return strings.Join(parts, " and ")
}

// Kept tells whether the promise was kept to the share.
func (s *SLO) Kept(o *Outcome) bool {
	kept := 0
	for i := range o.JCT {
		if s.keptTo(o, i) {
			kept++
		}
	}
	return float64(kept) >= s.Share*float64(len(o.JCT))
}

func (s *SLO) keptTo(o *Outcome, run int) bool {
	if s.JCT > 0 && o.JCT[run] > s.JCT {
		return false
	}
	for _, t := range o.Spans[run] {
		if s.TTFT > 0 && t.First.Sub(t.Sent) > s.TTFT {
			return false
		}
	}
	return true
}

// MostAgents is the largest number of agents up to most with which try succeeds, found by
// halving: more agents are taken to be no easier. 0 when one agent is too many.
func MostAgents(most int, try func(agents int) (bool, error)) (int, error) {
	good, bad := 0, most+1
	for n := most; good+1 < bad; n = (good + bad) / 2 {
		ok, err := try(n)
		if err != nil {
			return 0, err
		}
		if ok {
			good = n
		} else {
			bad = n
		}
	}
	return good, nil
}
