package kvpin_test

import (
	"math"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
)

// wait is a forecast, by a function of seconds, of who comes back for sure.
type wait func(elapsed float64) (left float64)

func (w wait) Back(_, _ programs.Duration) float64 { return 1 }

func (w wait) Kept(elapsed, until programs.Duration) programs.Duration {
	return min(programs.Seconds(w(elapsed.Seconds())), until-elapsed)
}

// doubtful is a wait of a fixed length that a part of the programs is not back after.
type doubtful struct{ length, returns float64 }

func (d doubtful) Back(elapsed, until programs.Duration) float64 {
	switch {
	case elapsed.Seconds() >= d.length || until.Seconds() < d.length:
		return 0
	}
	return d.returns
}

func (d doubtful) Kept(elapsed, until programs.Duration) programs.Duration {
	left := (until - elapsed).Seconds()
	p := d.Back(elapsed, until)
	return programs.Seconds(p*(d.length-elapsed.Seconds()) + (1-p)*left)
}

// exponential waits are forgotten: what is left is always the mean.
func exponential(mean float64) wait { return func(float64) float64 { return mean } }

// fixed waits end at a time.
func fixed(length float64) wait {
	return func(elapsed float64) float64 { return max(length-elapsed, 0.001) }
}

// pareto waits of shape 2 from least on have, when t has passed, t left.
func pareto(least float64) wait {
	return func(elapsed float64) float64 {
		if elapsed < least {
			return 2*least - elapsed
		}
		return elapsed
	}
}

// TestWorth has the formula worked by hand: worth = P·(C·M + L·f) / (f·K).
func TestWorth(t *testing.T) {
	for _, tc := range []struct {
		name          string
		cells, pool   programs.Tokens
		compute, load float64 // seconds
		after         float64 // seconds
		wait          wait
		want          float64
	}{
		{"computing a tenth of the pool for 2 s, over 5 s of wait", 100, 1000, 2, 0, 0, exponential(5), 4},
		{"an exponential wait does not age", 100, 1000, 2, 0, 60, exponential(5), 4},
		{"a heavy tail does", 100, 1000, 2, 0, 40, pareto(5), 0.5},
		{"loading takes the program's own part alone", 100, 1000, 0, 2, 0, exponential(5), 0.4},
		{"one part each", 100, 1000, 1, 2, 0, exponential(5), 2.4},
		{"half the cells are worth twice as much each", 50, 1000, 2, 0, 0, exponential(5), 8},
		{"a wait that is about to end", 100, 1000, 2, 0, 9, fixed(10), 20},
		{"no cells are worth nothing", 0, 1000, 2, 1, 0, exponential(5), 0},
	} {
		p := kvpin.Pin{Since: 7, Cells: tc.cells, Compute: programs.Seconds(tc.compute), Load: programs.Seconds(tc.load)}
		got := p.Worth(p.Since.Add(programs.Seconds(tc.after)), tc.pool, tc.wait)
		if math.Abs(got-tc.want) > 1e-9*tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	for _, tc := range []struct {
		name   string
		wait   doubtful
		after  float64
		forget float64
		want   float64
	}{
		{"one in four never returns, and is kept for a minute: ¾·2000 / 100·(¾·5 + ¼·60)", doubtful{5, 0.75}, 0, 60, 0.8},
		{"the shorter they are kept, the less they cost: ¾·2000 / 100·(¾·5 + ¼·7)", doubtful{5, 0.75}, 0, 7, 1500. / 550},
		{"who is late does not return", doubtful{5, 0.75}, 6, 60, 0},
		{"who is forgotten before does not return to anything", doubtful{5, 1}, 0, 4, 0},
		{"most never return: 0.1·2000 / 100·(0.5 + 54)", doubtful{5, 0.1}, 0, 60, 200. / 5450},
		{"nobody returns", doubtful{5, 0}, 0, 60, 0},
	} {
		p := kvpin.Pin{Since: 7, Forget: programs.Seconds(tc.forget), Cells: 100, Compute: 2 * programs.Second}
		got := p.Worth(p.Since.Add(programs.Seconds(tc.after)), 1000, tc.wait)
		if math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	p := kvpin.Pin{Cells: 10, Compute: programs.Second}
	if got := p.Worth(0, 10, wait(func(float64) float64 { return 0 })); math.IsInf(got, 0) || math.IsNaN(got) || got < 1e6 {
		t.Errorf("with nothing left to wait it is %v", got)
	}
	if got := (&kvpin.Pin{Compute: 3, Load: 4}).Reload(); got != 7 {
		t.Errorf("to have the cells again takes %v, want 7", got)
	}
}

// TestTTL is how long the worth stays at 1 or above, to the step at which it is looked
// at again.
func TestTTL(t *testing.T) {
	const day = 24 * programs.Hour
	seat := kvpin.Pin{Cells: 100, Compute: 2 * programs.Second} // of 1000: it is worth a wait of 20 s
	for _, tc := range []struct {
		name        string
		wait        kvpin.Forecast
		least, most programs.Duration
	}{
		{"for ever, as long as it is worth it", exponential(19), day, day},
		{"not at all", exponential(21), 0, 0},
		{"until what is left is too long", pareto(5), 20 * programs.Second, 23 * programs.Second},
		{"a wait that begins too long", fixed(100), 0, 0},
		{"until it is late, when some never return", doubtful{10, 0.9}, 10 * programs.Second, 12 * programs.Second},
	} {
		seat := seat
		if _, ok := tc.wait.(doubtful); ok {
			seat.Forget = programs.Minute
		}
		if got := seat.TTL(1000, tc.wait); got < tc.least || got > tc.most {
			t.Errorf("%s: %v, want %v to %v", tc.name, got, tc.least, tc.most)
		}
	}
}

// TestReprice looks again after a tenth of a second at first, and then ever more
// seldom.
func TestReprice(t *testing.T) {
	for _, tc := range []struct{ at, next programs.Duration }{
		{0, 100 * programs.Millisecond},
		{programs.Second / 2, 600 * programs.Millisecond},
		{programs.Second, 1150 * programs.Millisecond},
		{100 * programs.Second, 115 * programs.Second},
	} {
		if got := kvpin.Reprice(tc.at); got < tc.next-1 || got > tc.next+1 { // a nanosecond of rounding
			t.Errorf("after %v again at %v, want %v", tc.at, got, tc.next)
		}
	}
}
