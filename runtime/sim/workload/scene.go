package workload

import (
	"fmt"

	"github.com/interlude-run/interlude/programs"
)

// Scene is programs that come at times of their own, in groups that are told apart in
// what comes of them.
type Scene struct {
	Programs []Program // none has a parent
	Arrivals []programs.Time
	Groups   []string
}

func (s *Scene) add(group string, at programs.Time, p Program) {
	p.Source, p.Parent = group, -1
	s.Programs, s.Arrivals, s.Groups = append(s.Programs, p), append(s.Arrivals, at), append(s.Groups, group)
}

// Newcomers is 30 sessions that never end, with contexts of 15,600 tokens and 2 s between
// turns, together more than a pool of 430,000, and after an hour 90 newcomers with short
// prompts and three turns, one every 2 s in the mean. Whoever ranks programs by their
// ages, or keeps whoever is in memory, has newcomers wait until a session ends. The
// groups are "session" and "newcomer".
func Newcomers(seed uint64) *Scene {
	s := &Scene{}
	random := stream(seed, "newcomers", 0)
	for i := range 30 {
		p := Program{ID: fmt.Sprintf("session/%d", i), Endless: true}
		for n := range 1200 {
			turn := Turn{Input: 15_400, Output: 100, Tool: "talk", Gap: 2 * programs.Second}
			if n > 0 { // what the turn before said is summed up in as many tokens
				turn.Prefix, turn.Input = 15_300, 100
			}
			p.Turns = append(p.Turns, turn)
		}
		last := &p.Turns[len(p.Turns)-1]
		last.Tool, last.Gap = "", 0
		s.add("session", programs.Time(programs.Seconds(60*random.Float64())), p)
	}
	for i, at := range Poisson(seed, 90, 0.5) {
		s.add("newcomer", at.Add(programs.Hour), growing(fmt.Sprintf("newcomer/%d", i), 3, 2000, 200, 60, func(int) programs.Duration {
			return programs.Seconds(1 + 4*random.Float64())
		}))
	}
	return s
}

// Giant is a context of 390,000 tokens with gaps of 20 s, beside 150 small programs that
// come over 12 minutes. Whoever takes memory by parts of a context has the giant compute
// for minutes what a small program needed for seconds. The groups are "giant" and
// "small".
func Giant(seed uint64) *Scene {
	s := &Scene{}
	random := stream(seed, "giant", 0)
	s.add("giant", 0, growing("giant", 30, 372_400, 400, 200, func(int) programs.Duration { return 20 * programs.Second }))
	for i, at := range Poisson(seed, 150, 0.2) {
		s.add("small", at, growing(fmt.Sprintf("small/%d", i), 10, 3000, 800, 150, func(int) programs.Duration {
			return programs.Seconds(2 + 6*random.Float64())
		}))
	}
	return s
}

// growing is a program whose first prompt has so many tokens, and each later one so many
// more than the turn before left.
func growing(id string, turns int, first, more, output programs.Tokens, gap func(turn int) programs.Duration) Program {
	p := Program{ID: id}
	for i := range turns {
		turn := Turn{Input: first, Output: output, Tool: "tool", Gap: gap(i)}
		if i > 0 {
			turn.Prefix, turn.Input = p.Turns[i-1].end(), more
		}
		p.Turns = append(p.Turns, turn)
	}
	p.Turns[turns-1].Tool, p.Turns[turns-1].Gap = "", 0
	return p
}
