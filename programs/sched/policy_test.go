package sched_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
)

// question is a situation, and what a policy is to make of it.
//
// A program is "name phase key=value …". Its phase is waits, idle or runs. Times
// are seconds: arrived (its own), came (its turn), since (it is idle), used, served,
// reload. Tokens are context (default: cells) and cells.
//
// An answer that is not given is not asked for; "nobody" is an answer.
type question struct {
	name     string
	policy   string                       // by its name in sched.Policies
	new      func(sched.Env) sched.Policy // for one that is not among them
	shares   map[programs.TenantID]sched.Share
	pool     programs.Tokens // 0 is 1000
	host     programs.Tokens // 0 is none
	before   []string        // puts programs as they were earlier: at the time 0, or "@5 …" s; "@5 lapse" asks Lapse
	programs []string
	now      float64 // in seconds

	holds   string // whose memory is held
	lapse   string // whose hold is over
	next    string // who is admitted, one after the other
	waits   string // what those who are not admitted wait for then
	victims string // who loses memory, one after the other
	grounds string // and why it is them
	blocked string // who must yield to the first that waits, with others running
	stuck   string // the same, when nothing runs
}

func TestPolicies(t *testing.T) {
	asked := map[string]bool{}
	for _, questions := range [][]question{fcfsQuestions, pinQuestions, capacityQuestions, setQuestions} {
		for _, q := range questions {
			asked[q.policy] = true
			t.Run(q.name, func(t *testing.T) { q.ask(t) })
		}
	}
	for _, p := range sched.Policies {
		if !asked[p.Name] {
			t.Errorf("no question is put to %s", p.Name)
		}
	}
}

var fcfsQuestions = []question{
	{
		name:   "request FCFS: by the turn's arrival; least recently used goes first",
		policy: "request-fcfs",
		programs: []string{
			"a waits arrived=1 came=9", "b waits arrived=2 came=3 cells=5 used=8", "c idle cells=10 used=2", "d idle cells=10 used=7",
		},
		next:    "b a",
		victims: "c d b",
		grounds: "least_recent, least_recent, least_recent",
	},
	{
		name:   "program FCFS: by the program's arrival",
		policy: "program-fcfs",
		programs: []string{
			"a waits arrived=1 came=9", "b waits arrived=2 came=3", "c idle cells=10 used=7", "d idle cells=10 used=2",
		},
		next:    "a b",
		victims: "d c",
	},
	{
		name:   "ties go by name",
		policy: "program-fcfs",
		programs: []string{
			"b waits arrived=1", "a waits arrived=1",
		},
		next: "a b",
	},
	{
		name:     "no retention: idle memory goes at once",
		policy:   "no-retention",
		programs: []string{"a idle cells=10", "b waits cells=5 came=1", "c waits came=2"},
		next:     "b c",
		victims:  "b",
	},
	{
		name:   "PLAS: levels of service that double, then the turn's arrival",
		policy: "plas",
		programs: []string{
			"a waits came=1 served=9", "b waits came=2 served=3", "c waits came=3 served=2", "d waits came=4 served=0",
		},
		next: "d b c a",
	},
	{
		name:     "PLAS: a turn goes down a level when it has run for 1 s, and another after 1 s more",
		policy:   "plas",
		before:   []string{"a waits served=0", "a runs", "@4 a runs served=3"},
		programs: []string{"a waits preempted", "b waits came=2 served=1", "c waits came=3 served=2"},
		now:      4,
		next:     "b a c", // levels 1, 2 and 2
	},
	{
		name:     "PLAS: who has waited for eight times its service goes to the first level, and no sooner",
		policy:   "plas",
		programs: []string{"a waits came=0 served=4", "b waits came=31 served=0"},
		now:      31.9,
		next:     "b a",
	},
	{
		name:     "PLAS: and then",
		policy:   "plas",
		programs: []string{"a waits came=0 served=4", "b waits came=31 served=0"},
		now:      32,
		next:     "a b",
	},
	{
		name:   "PLAS: waits of earlier turns count, here 20 s of 8·4",
		policy: "plas",
		before: []string{"a waits came=0 served=4", "@20 a runs", "@25 a idle turns=1"},
		programs: []string{
			"a waits came=30", "b waits came=31 served=0",
		},
		now:  42,
		next: "a b",
	},
}

var pinQuestions = []question{
	{
		name:     "two seconds: held until then",
		policy:   "continuum-released",
		programs: []string{"a idle since=1 tool=ls cells=10", "b idle since=4 tool=ls cells=10"},
		now:      5,
		holds:    "a b",
		lapse:    "a",
		victims:  "a",
	},
	{
		name:     "two seconds: who comes back to a pin goes before who arrived earlier",
		policy:   "continuum-released",
		before:   []string{"b idle since=0 tool=ls cells=10"},
		programs: []string{"a waits arrived=1", "b waits arrived=2 cells=10"},
		now:      1,
		next:     "b a",
	},
	{
		name:     "two seconds: preempted turns go before all",
		policy:   "continuum-released",
		before:   []string{"b idle since=0 tool=ls cells=10"},
		programs: []string{"b waits arrived=1 cells=10", "c waits arrived=2 preempted"},
		now:      1,
		next:     "c b",
	},
	{
		name:     "two seconds: a pin yields to a blocked first in order, the latest arrival first",
		policy:   "continuum-released",
		programs: []string{"a idle since=0 arrived=1 tool=ls cells=10", "b idle since=0 arrived=2 tool=ls cells=10", "c waits"},
		holds:    "a b",
		blocked:  "b a",
	},
	{
		name:   "two seconds: none where no call was made",
		policy: "continuum-released",
		programs: []string{
			"a idle since=0 tool=ls cells=10", "b idle since=0 cells=10", "c idle since=0 tool=ask human cells=10",
		},
		holds: "a",
	},
	{
		name:   "two seconds: none for a tool whose calls take longer on average, here (1 + 4)/2 s against (1 + 3)/2 s",
		policy: "continuum-released",
		before: []string{
			"w idle since=0 tool=make", "w waits came=1", "x idle since=0 tool=make", "x waits came=4",
			"y idle since=0 tool=grep", "y waits came=1", "z idle since=0 tool=grep", "z waits came=3",
		},
		programs: []string{"a idle since=4 tool=make cells=10", "b idle since=4 tool=grep cells=10"},
		now:      4,
		holds:    "b",
	},
	{
		name:     "always pin: yields to a deadlock alone",
		policy:   "always-pin",
		programs: []string{"a idle since=0 arrived=1 cells=10", "b idle since=0 arrived=2 cells=10", "c waits"},
		now:      1_000_000,
		holds:    "a b",
		blocked:  "nobody",
		stuck:    "b a",
	},
	{
		name:     "8 s: held until then",
		policy:   "ttl-8s",
		programs: []string{"a idle since=0 arrived=1 cells=10", "b idle since=1 arrived=2 cells=10", "c waits"},
		now:      8,
		holds:    "a b",
		lapse:    "a",
		blocked:  "nobody",
		stuck:    "b a",
	},
	{
		name:     "32 s: held until then",
		policy:   "ttl-32s",
		programs: []string{"a idle since=0 cells=10", "b idle since=1 cells=10"},
		now:      32,
		holds:    "a b",
		lapse:    "a",
	},
	{
		name:     "128 s: held until then",
		policy:   "ttl-128s",
		programs: []string{"a idle since=0 cells=10", "b idle since=1 cells=10"},
		now:      128,
		holds:    "a b",
		lapse:    "a",
	},
	{
		name:     "continuum, stuck: yields to a deadlock alone",
		policy:   "continuum-stuck",
		programs: []string{"a idle since=0 reload=20 arrived=1 cells=10", "b idle since=0 reload=20 arrived=2 cells=10", "c waits"},
		now:      2,
		holds:    "a b",
		blocked:  "nobody",
		stuck:    "b a",
	},
	{
		name:     "continuum: yields to a blocked first in order",
		policy:   "continuum",
		programs: []string{"a idle since=0 reload=20 arrived=1 cells=10", "b idle since=0 reload=20 arrived=2 cells=10", "c waits"},
		now:      2,
		blocked:  "b a",
	},
	{
		name:     "continuum: until it knows tools, ln(reload) of an exponential prior of 1 s",
		policy:   "continuum",
		programs: []string{"a idle since=0 reload=0.9 cells=10", "b idle since=0 reload=20 cells=10", "c idle since=0 reload=2.8 cells=10"},
		now:      2,
		holds:    "b c",
		lapse:    "c",
		victims:  "c a",
	},
	{
		name:   "infercept: preserved while that wastes less than computing again",
		policy: "infercept",
		// Preserving a for t wastes 100·t, discarding it 1·(100/2 + 300): 3.5 s. For b it is 10·t against 0.1·(5 + 300): 3.05 s.
		programs: []string{"x runs cells=300", "a idle since=0 reload=1 cells=100", "b idle since=0 reload=0.1 cells=10"},
		now:      3,
		holds:    "a b",
		lapse:    "nobody",
	},
	{
		name:     "infercept: and no longer",
		policy:   "infercept",
		programs: []string{"x runs cells=300", "a idle since=0 reload=1 cells=100", "b idle since=0 reload=0.1 cells=10"},
		now:      3.2,
		holds:    "a b",
		lapse:    "b",
	},
	{
		name:   "infercept: decided anew, with the cells of those that run by now",
		policy: "infercept",
		// With 300 more cells running, discarding a wastes 1·(50 + 600): 6.5 s.
		before:   []string{"a idle since=0 reload=1 cells=100", "x runs cells=300"},
		programs: []string{"a idle since=0 reload=1 cells=100", "y runs cells=300"},
		now:      6,
		holds:    "a",
		lapse:    "nobody",
	},
	{
		name:   "infercept: what the host has a copy of is swapped when that takes less than it has lasted",
		policy: "infercept",
		// Preserving wastes 100·t, swapping 1·100, for a; b has no copy of all its cells.
		programs: []string{"x runs cells=300", "a idle since=0 reload=1 cells=100 below=100", "b idle since=0 reload=1 cells=100 below=99"},
		now:      1,
		holds:    "a b",
		lapse:    "a",
	},
	{
		name:   "cachewise: who lacks the fewest cells, then by the turn's arrival",
		policy: "cachewise",
		programs: []string{
			"a waits came=1 context=100 cells=20", "b waits came=3 context=300 cells=290", "c waits came=2 context=10",
		},
		next: "c b a",
	},
	{
		name:   "cachewise: who is expected back last loses memory first; then who waits",
		policy: "cachewise",
		// Of make's 1 s and 20 s, 18 s are to come after 2 s, and 10.5 s at the beginning; of grep's, 6 s.
		before: slices.Concat(calls("make", "", 1, 1), calls("make", "", 1, 20), calls("grep", "", 1, 6)),
		programs: []string{
			"a idle since=98 tool=make cells=10", "b idle since=100 tool=make cells=10", "c idle since=100 tool=grep cells=10",
			"h idle since=100 human cells=10 used=9", "w waits cells=10 used=1",
		},
		now:     100,
		victims: "h a b c w",
		grounds: "latest_return, latest_return, latest_return, latest_return, latest_return",
	},
	{
		name:     "cachewise: a call that has outlasted all others has nothing to come",
		policy:   "cachewise",
		before:   slices.Concat(calls("make", "", 1, 20), calls("grep", "", 1, 6)),
		programs: []string{"a idle since=79 tool=make cells=10", "b idle since=99 tool=grep cells=10"},
		now:      100,
		victims:  "b a",
	},
	{
		name:   "cachewise: a kind of arguments counts from 30 calls on, and before that the tool does",
		policy: "cachewise",
		before: slices.Concat(calls("make", "test", 30, 9), calls("make", "all", 29, 30), calls("grep", "", 1, 25)),
		programs: []string{
			"a idle since=100 tool=make class=test cells=10", "b idle since=100 tool=make class=all cells=10", "c idle since=100 tool=grep cells=10",
		},
		now:     100,
		victims: "c b a", // 25 s, 19.3 s and 9 s
	},
	{
		name:     "cachewise: of a tool that nobody has called, what is known of all; of none at all, who used its memory longest ago",
		policy:   "cachewise",
		before:   slices.Concat(calls("make", "", 1, 20), calls("grep", "", 1, 6)),
		programs: []string{"a idle since=100 tool=make cells=10", "b idle since=100 tool=ls cells=10", "c idle since=100 tool=grep cells=10"},
		now:      100,
		victims:  "a b c", // 20 s, 13 s and 6 s
	},
	{
		name:     "cachewise: nothing is known",
		policy:   "cachewise",
		programs: []string{"a idle tool=make cells=10 used=1", "b idle tool=grep cells=10 used=2"},
		victims:  "a b",
	},
	{
		name:     "cachewise: what is to come counts, and not how long it takes",
		policy:   "cachewise",
		before:   slices.Concat(calls("make", "", 1, 20), calls("grep", "", 1, 12)),
		programs: []string{"a idle since=90 tool=make cells=10", "b idle since=100 tool=grep cells=10"},
		now:      100,
		victims:  "b a", // 12 s and 10 s
	},
	{
		name:   "cachewise: expectations are taken anew as calls go on",
		policy: "cachewise",
		// At first 10.5 s and 12 s are to come, and after 5 s 15 s and 7 s.
		before: slices.Concat(calls("make", "", 1, 1), calls("make", "", 1, 20), calls("grep", "", 1, 12),
			[]string{"@50 a idle since=50 tool=make cells=10", "@50 b idle since=50 tool=grep cells=10"}),
		now:     55,
		victims: "a b",
	},
	{
		name:   "cachewise: in every third plan",
		policy: "cachewise",
		before: slices.Concat(calls("make", "", 1, 1), calls("make", "", 1, 20), calls("grep", "", 1, 12),
			[]string{"@50 a idle since=50 tool=make cells=10", "@50 b idle since=50 tool=grep cells=10", "@50 lapse", "@51 lapse", "@52 lapse"}),
		now:     55,
		victims: "a b",
	},
	{
		name:   "cachewise: and no sooner",
		policy: "cachewise",
		before: slices.Concat(calls("make", "", 1, 1), calls("make", "", 1, 20), calls("grep", "", 1, 12),
			[]string{"@50 a idle since=50 tool=make cells=10", "@50 b idle since=50 tool=grep cells=10", "@50 lapse", "@55 lapse"}),
		now:     55,
		victims: "b a",
	},
}

// calls puts programs whose tool is called so many times, and takes so many seconds.
func calls(tool, class string, times, seconds int) (before []string) {
	for i := range times {
		name := fmt.Sprintf("%s-%s-%d-%d", tool, class, seconds, i)
		before = append(before, fmt.Sprintf("%s idle since=0 tool=%s class=%s", name, tool, class), fmt.Sprintf("@%d %s waits came=%d", seconds, name, seconds))
	}
	return before
}

var capacityQuestions = []question{
	{
		name:     "thunder: what fits is resumed, the longest first",
		policy:   "thunder",
		pool:     100,
		programs: []string{"a waits arrived=1 context=30", "b waits arrived=2 context=60", "c waits arrived=3 context=50"},
		next:     "a b",
		waits:    "c for pool [a b]",
	},
	{
		name:     "thunder: when nothing fits and nothing runs, the shortest",
		policy:   "thunder",
		pool:     20,
		programs: []string{"a waits arrived=1 context=30", "b waits arrived=2 context=25"},
		next:     "b",
	},
	{
		name:     "thunder: above capacity the shortest idle ones are paused, and lend",
		policy:   "thunder",
		pool:     100,
		programs: []string{"a idle cells=70 turns=1", "b idle cells=30 turns=1", "c idle cells=20 turns=1"},
		holds:    "a b c",
		lapse:    "c",
		victims:  "c",
	},
	{
		name:     "thunder, released: newcomers are let through while they fit, with 100 tokens to decode, and nobody is paused",
		policy:   "thunder-released",
		pool:     1020,
		programs: []string{"a waits context=300", "b waits context=400", "c waits context=200", "d waits context=10"},
		next:     "a b",
		waits:    "c for pool [a b], d for tick [a b]", // 400 + 500, and 300; d has 110 of 120, and stands behind c
	},
	{
		name:   "thunder, released: every 5 s turns that return are let through before newcomers",
		policy: "thunder-released",
		before: []string{
			"z runs context=10", "a waits context=300", "b waits context=300",
			"@1 a idle context=300 turns=2", "@1 b idle context=600 turns=2",
			"@5 lapse", // 110 + 400 + 700: a is paused
			"@6 c waits context=250", "@6 d waits context=100", "@7 a waits context=320", "@7 b idle context=370",
		},
		now:   10, // 1000 - 110 - 470: room for a's 420
		next:  "a",
		waits: "c for pool [a b z], d for pool [a b z]",
	},
	{
		name:   "thunder, released: the shortest first, and who does not fit is passed over",
		policy: "thunder-released",
		before: []string{
			"z runs context=10", "a waits context=300", "b waits context=300",
			"@1 a idle context=300 turns=2", "@1 b idle context=600 turns=2",
			"@5 lapse",
			"@6 c waits context=250", "@6 d waits context=50", "@7 a waits context=320",
		},
		now:   10, // 1000 - 110 - 700: a has 420, c 350, d 150
		next:  "d",
		waits: "a for pool [b d z], c for pool [b d z]",
	},
	{
		name:   "thunder, released: between two ticks nobody is resumed",
		policy: "thunder-released",
		before: []string{
			"z runs context=10", "a waits context=300", "b waits context=300",
			"@1 a idle context=300 turns=2", "@1 b idle context=600 turns=2",
			"@5 lapse",
			"@7 a waits context=320", "@7 b idle context=370",
		},
		now:   9,
		next:  "nobody",
		waits: "a for tick [b z]",
	},
	{
		name:   "thunder, released: who runs is marked when pausing the idle is not enough, and paused when its turn is over",
		policy: "thunder-released",
		before: []string{
			"z runs context=10", "r runs context=500", "i waits context=100", "@1 i idle turns=2",
			"@4 r runs context=900", // 110 + 1000 + 200
			"@5 lapse", "@6 r idle turns=2",
		},
		programs: []string{"r waits"},
		now:      7,
		next:     "nobody",
		waits:    "r for pool [z]",
	},
	{
		name:     "thunder, released: half an hour is the longest wait",
		policy:   "thunder-released",
		before:   []string{"z runs context=800", "a waits context=300"},
		programs: []string{"z runs"},
		now:      1800,
		next:     "a",
	},
	{
		name:     "thunder, released: nobody's memory is held, and the least recently used goes first",
		policy:   "thunder-released",
		programs: []string{"a idle cells=100 used=2 turns=1", "b idle cells=100 used=1 turns=1"},
		lapse:    "nobody",
		victims:  "b a",
		grounds:  "least_recent, least_recent",
	},
	{
		name:   "thunder, Dynamo: pausing begins above 95 % and goes down to 80 %, programs are resumed up to 85 %",
		policy: "thunder-dynamo",
		before: []string{
			"a runs context=300", "b waits context=300", "c waits context=20",
			"@1 b idle context=400 turns=2", "@1 c idle turns=2",
			"@5 lapse", // 400 + 500 + 120: c is paused, and 900 is above 800: b, too
			"@6 b waits", "@6 c waits",
		},
		now:   10, // 850 - 400: c has 120, b 500
		next:  "c",
		waits: "b for pool [a c]",
	},
	{
		name:   "thunder, Dynamo: from 80 % on turns are served two seconds later",
		policy: "thunder-dynamo",
		before: []string{
			"a runs context=300", "b waits context=350", "@1 b idle turns=2",
			"@5 lapse", // 400 + 450
			"@6 b waits",
		},
		programs: []string{"c waits context=20"},
		now:      7,
		next:     "c b",
	},
	{
		name:     "mori: newcomers are let through while they fit, with 100 tokens more, and no turn waits to be",
		policy:   "mori",
		pool:     1020,
		programs: []string{"a waits context=300", "b waits context=400", "c waits context=200", "d waits context=10"},
		next:     "a b",
		waits:    "c for pool [a b], d for tick [a b]", // 400 + 500, and 300; d has 110 of 120, and stands behind c
	},
	{
		name:   "mori: the most idle leaves the device, however short the others",
		policy: "mori",
		before: []string{
			"r runs context=10", "a waits context=200", "b waits context=400",
			"@1 b idle turns=1", "@8 a idle turns=1", // at 10 s, b has been idle for 9 of 10 s, a for 2
			"@9 r runs context=300", // 400 + 300 + 500
			"@10 lapse",
		},
		programs: []string{"a waits", "b waits"},
		now:      11,
		next:     "a",
		waits:    "b for pool [a r]",
	},
	{
		name:   "mori: nobody leaves while all fit, however idle",
		policy: "mori",
		before: []string{
			"r runs context=10", "a waits context=400", "@1 a idle turns=1",
			"@500 lapse",
		},
		programs: []string{"a waits"},
		now:      501,
		next:     "a",
	},
	{
		name:   "mori: the last five cycles count, the call under way with them",
		policy: "mori",
		// Of 11 s in the latest five cycles, a has spent 6 s in tools, and of all 109 s 104; b has spent 8 of 9 s.
		before: []string{
			"a waits context=300", "@1 a idle turns=1",
			"@99 a waits", "@100 a idle turns=2", "@101 a waits", "@102 a idle turns=3", "@103 a waits", "@104 a idle turns=4",
			"@105 a waits", "@106 a idle turns=5", "@107 a waits", "@108 a idle turns=6",
			"@100 b waits context=300", "@101 b idle turns=1",
			"@109 r runs context=10", "@109 r runs context=400", // 500 + 400 + 400
			"@109 lapse",
		},
		programs: []string{"a waits", "b waits"},
		now:      109,
		next:     "a",
		waits:    "b for pool [a r]",
	},
	{
		name:   "mori: waits for a place are no time on the engine",
		policy: "mori",
		// At 10 s, a has spent 4 of 5 s in its tool, beside 5 s in which it waited, and b 3 of 5 s.
		before: []string{
			"z runs context=10", "z runs context=800", "a waits context=300", "@4 z runs context=10",
			"@5 lapse", "@5 b waits context=300", "@6 a idle turns=1", "@7 b idle turns=1", "@10 z runs context=400",
			"@10 lapse",
		},
		programs: []string{"a waits", "b waits"},
		now:      11,
		next:     "b",
		waits:    "a for pool [b z]",
	},
	{
		name:   "mori: who has a turn leaves when it is over, if those whose tool runs are not enough; the most idle, and no more than must",
		policy: "mori",
		before: []string{
			"a waits context=200", "@1 a idle turns=1", "@4 a waits", // 3 of 4 s
			"b waits context=200", "@2 b idle turns=1", "@4 b waits", // 2 of 4 s
			"i waits context=100", "@1 i idle turns=1",
			"@4 a runs context=500", "@4 b runs context=500", // 600 + 600 + 200
			"@5 lapse", "@10 lapse", "@11 a idle turns=2", "@11 b idle turns=2",
		},
		programs: []string{"a waits", "b waits", "i waits"},
		now:      12,
		next:     "b",
		waits:    "a for pool [b], i for tick [b]",
	},
	{
		name:   "mori: turns are let through of programs on the host, then of those that return, then newcomers'; the least idle first",
		policy: "mori",
		host:   700,
		before: []string{
			"z runs context=10", "a waits context=150", "b waits context=150", "c waits context=150",
			"@1 a idle turns=1", "@2 b idle turns=1", "@3 c idle turns=1",
			"@4 z runs context=800",
			"@5 lapse", // 900 + 3·250: they leave in the order a b c, and the host has room for two
			"@6 a waits", "@6 b waits", "@6 c waits", "@6 n waits context=50",
		},
		programs: []string{"z idle context=400 turns=1"},
		now:      10, // 1000 - 500
		next:     "b a",
		waits:    "c for pool [a b z], n for pool [a b z]",
	},
	{
		name:   "mori: memory is taken from who is nowhere, then from the host's, then from the device's",
		policy: "mori",
		host:   700,
		before: []string{
			"z runs context=10", "a waits context=150", "b waits context=150", "c waits context=150",
			"@1 a idle turns=1", "@2 b idle turns=1", "@3 c idle turns=1",
			"@4 z runs context=800", "@5 lapse",
		},
		programs: []string{
			"a idle cells=150 used=6", "b idle cells=150 used=5", "c idle cells=150 used=9", "z idle cells=800 used=1",
		},
		now:     6,
		victims: "c b a z",
		grounds: "outside, outside, outside, least_recent",
	},
	{
		name:     "mori: half an hour is the longest wait",
		policy:   "mori",
		before:   []string{"z runs context=800", "a waits context=300"},
		programs: []string{"z runs"},
		now:      1800,
		next:     "a",
	},
	{
		name:     "mori: when nothing fits and nothing runs, the shortest",
		policy:   "mori",
		pool:     20,
		programs: []string{"a waits context=30", "b waits context=25"},
		next:     "b",
	},
}

var setQuestions = []question{
	{
		name:   "working set: as many as fit, in order of arrival",
		policy: "working-set",
		pool:   100,
		programs: []string{
			"x runs arrived=0 cells=40", "a waits arrived=1 context=50", "b waits arrived=2 context=20", "c waits arrived=3 context=5",
		},
		next:  "a",
		waits: "b for pool [a x], c for pool [a b x]",
	},
	{
		name:     "working set: an idle program takes the part of its place that its seat is worth",
		policy:   "working-set",
		pool:     100,
		programs: []string{"i idle arrived=0 cells=80 seat=0.5", "a waits arrived=1 context=50", "b waits arrived=2 context=10"},
		next:     "a b",
	},
	{
		name:     "working set: in full when it is worth it",
		policy:   "working-set",
		pool:     100,
		programs: []string{"i idle arrived=0 cells=80 seat=3", "x runs cells=1", "a waits arrived=1 context=50", "b waits arrived=2 context=20"},
		next:     "nobody",
	},
	{
		name:     "working set: cold turns stand behind warm ones",
		policy:   "working-set",
		programs: []string{"a waits arrived=1 context=100 cells=50", "b waits arrived=2 context=100 cells=80"},
		next:     "b a",
	},
	{
		name:   "working set: hurried turns stand before all others, by when they were promised",
		policy: "interlude",
		programs: []string{
			"a waits arrived=1 context=100 cells=95", "b waits arrived=2 context=100 hurried promised=9", "c waits arrived=3 context=100 hurried promised=8",
		},
		next: "c b a",
	},
	{
		name:     "working set: background turns stand behind all others, warm or not",
		policy:   "interlude",
		programs: []string{"a waits arrived=1 context=100 cells=95 background", "b waits arrived=2 context=100"},
		next:     "b a",
	},
	{
		name:     "working set: and background programs' seats go first, whatever they are worth",
		policy:   "interlude",
		programs: []string{"a idle arrived=1 cells=10 seat=9 background", "b idle arrived=2 cells=10 seat=5", "c idle arrived=3 cells=10 seat=7"},
		victims:  "a b c",
	},
	{
		name:     "working set: who has less left goes first: thirty seconds of arrival for each second",
		policy:   "interlude",
		programs: []string{"a waits arrived=100 context=100 left=12", "b waits arrived=201 context=100 left=8", "c waits arrived=200 context=100 left=9"},
		next:     "b a c",
	},
	{
		name:     "working set: a seat of half its worth takes half of its place",
		policy:   "interlude",
		pool:     100,
		programs: []string{"i idle arrived=0 cells=80 seat=1", "a waits arrived=1 context=50", "b waits arrived=2 context=10"},
		next:     "a b",
	},
	{
		name:   "working set: outside first, the last in order; then the cheapest seat inside; then who waits",
		policy: "working-set",
		pool:   100,
		programs: []string{
			"a idle arrived=1 cells=30 seat=5", "b idle arrived=2 cells=30 seat=2", "c idle arrived=3 cells=50 seat=9",
			"d idle arrived=4 cells=10 seat=9", "e waits arrived=5 context=10 cells=9",
		},
		victims: "e d c b a",
		grounds: "outside, outside, outside, least_worth 2 before 5, least_worth 5 before -1",
	},
	{
		name:     "working set: who waits inside loses memory when nobody is idle, the last in order first",
		policy:   "working-set",
		pool:     100,
		programs: []string{"a waits arrived=1 context=20 cells=19", "b waits arrived=2 context=20 cells=19"},
		victims:  "b a",
		grounds:  "last_waiting, last_waiting",
	},
	{
		name:   "working set: tenants divide the pool by weight",
		policy: "working-set",
		shares: map[programs.TenantID]sched.Share{"gold": {Weight: 3}},
		pool:   100,
		programs: []string{
			"a waits arrived=1 context=25", "b waits arrived=2 context=25", "c waits arrived=3 context=25",
			"p waits arrived=4 context=25 tenant=gold", "q waits arrived=5 context=25 tenant=gold",
			"r waits arrived=6 context=25 tenant=gold", "s waits arrived=7 context=25 tenant=gold",
		},
		next:  "p q a r",
		waits: "b for share [a], c for share [a b], s for share [p q r]",
	},
	{
		name:   "working set: what one tenant leaves goes to the other",
		policy: "working-set",
		pool:   100,
		programs: []string{
			"a waits arrived=1 context=40", "b waits arrived=2 context=40", "p waits arrived=4 context=20 tenant=other",
		},
		next: "a p b",
	},
	{
		name:   "working set: of a part that is too small for anybody one runs",
		policy: "working-set",
		shares: map[programs.TenantID]sched.Share{"gold": {Weight: 9}, "bounded": {Quota: 5}},
		pool:   100,
		programs: []string{
			"x runs cells=80 tenant=gold", "y waits arrived=3 context=20 tenant=gold",
			"a waits arrived=1 context=15", "b waits arrived=2 context=15",
			"c waits arrived=4 context=10 tenant=bounded", "d waits arrived=5 context=10 tenant=bounded",
		},
		next:  "a c",
		waits: "b for share [a], d for quota [c], y for share [x]",
	},
	{
		name:     "working set: no more than the quota",
		policy:   "working-set",
		shares:   map[programs.TenantID]sched.Share{"": {Quota: 50}},
		pool:     100,
		programs: []string{"a waits arrived=1 context=40", "b waits arrived=2 context=40"},
		next:     "a",
		waits:    "b for quota [a]",
	},
}

// ask puts the situation before the policy and compares its answers.
func (q *question) ask(t *testing.T) {
	pool := q.pool
	if pool == 0 {
		pool = 1000
	}
	if q.new == nil {
		named, err := sched.ByName(q.policy)
		if err != nil {
			t.Fatal(err)
		}
		q.new = named.New
	}
	now := programs.Time(programs.Seconds(q.now))
	known := map[string]*sched.Program{}
	build := func() sched.Policy {
		clear(known)
		policy := q.new(sched.Env{Pool: func() programs.Tokens { return pool }, Host: q.host})
		if q.shares != nil {
			policy.(sched.Sharer).Share(q.shares)
		}
		for _, spec := range q.before {
			at := 0.0
			if strings.HasPrefix(spec, "@") {
				when, rest, _ := strings.Cut(spec, " ")
				fmt.Sscan(when[1:], &at)
				spec = rest
			}
			if earlier := programs.Time(programs.Seconds(at)); spec == "lapse" {
				policy.Lapse(earlier)
			} else {
				policy.Put(earlier, read(t, known, spec))
			}
		}
		for _, spec := range q.programs {
			policy.Put(now, read(t, known, spec))
		}
		return policy
	}
	expect := func(what, got, want string) {
		if want == "nobody" {
			got += "nobody"
		}
		if want != "" && got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}

	policy := build()
	var held, lapsed []string
	for _, spec := range q.programs {
		name, _, _ := strings.Cut(spec, " ")
		if known[name].Retention == sched.Hold {
			held = append(held, name)
		}
	}
	expect("holds", strings.Join(held, " "), q.holds)
	for p := policy.Lapse(now); p != nil; p = policy.Lapse(now) {
		lapsed = append(lapsed, string(p.ID))
		policy.Put(now, p)
	}
	expect("lapse", strings.Join(lapsed, " "), q.lapse)
	lose, grounds := victims(policy, known)
	expect("victims", lose, q.victims)
	expect("grounds", grounds, q.grounds)
	next, wait := admissions(t, build(), now, known)
	expect("next", next, q.next)
	expect("waits", wait, q.waits)
	expect("blocked", yields(build(), now, false), q.blocked)
	expect("stuck", yields(build(), now, true), q.stuck)
}

// admissions admits who is next until nobody is, and says what the others wait for.
// Each time, the next is who waits for nothing, and nobody else is.
func admissions(t *testing.T, policy sched.Policy, now programs.Time, known map[string]*sched.Program) (admitted, wait string) {
	var order, left []string
	explain, explains := policy.(sched.Explainer)
	alone := true
	for _, p := range known {
		alone = alone && !running(p)
	}
	for {
		next := policy.Next(now, alone)
		left = left[:0]
		for _, name := range slices.Sorted(maps.Keys(known)) {
			p := known[name]
			if p.Phase != programs.Active || running(p) || !explains {
				continue
			}
			o := explain.Obstacle(now, p, alone)
			if (o.Reason == sched.ForNothing) != (p == next) {
				t.Errorf("%s waits for %v, behind %q", name, o.Reason, order)
			}
			text := fmt.Sprintf("%s for %v", name, o.Reason)
			if o.Head != nil {
				text += " of " + string(o.Head.ID)
			}
			var ahead []string
			explain.Ahead(p, func(p *sched.Program) { ahead = append(ahead, string(p.ID)) })
			slices.Sort(ahead)
			left = append(left, fmt.Sprintf("%s %v", text, ahead))
			if o.Limit > 0 && o.Running+o.Before+o.Need <= o.Limit {
				t.Errorf("%s, as %+v does not fit", text, o)
			}
		}
		if next == nil {
			return strings.Join(order, " "), strings.Join(left, ", ")
		}
		alone = false
		order = append(order, string(next.ID))
		next.Turn.Phase = programs.Prefilling
		next.Cells, next.Capacity = next.Turn.Context, next.Turn.Context
		policy.Put(now, next)
	}
}

// victims empties whom the policy names for as long as somebody lends.
func victims(policy sched.Policy, known map[string]*sched.Program) (lose, why string) {
	var order, grounds []string
	lend := 0
	for _, p := range known {
		if p.Capacity > 0 && p.Retention == sched.Lend && !running(p) {
			lend++
		}
	}
	for ; lend > 0; lend-- {
		p := policy.Victim(0)
		order = append(order, string(p.ID))
		var c sched.Choice
		if explain, ok := policy.(sched.Explainer); ok {
			c = explain.Chosen(p)
		}
		text := c.Ground.String()
		if c.Ground == sched.LeastWorth {
			text += fmt.Sprintf(" %v before %v", p.Seat, c.Next)
		}
		grounds = append(grounds, text)
		p.Cells, p.Capacity = 0, 0
		policy.Put(0, p)
	}
	return strings.Join(order, " "), strings.Join(grounds, ", ")
}

func running(p *sched.Program) bool {
	return p.Phase == programs.Active && p.Turn.Phase != programs.Waiting
}

// yields lists who gives up a hold for the first that waits, until nobody does.
func yields(policy sched.Policy, now programs.Time, alone bool) string {
	next := policy.Next(now, alone)
	if next == nil {
		return ""
	}
	var order []string
	for p := policy.Blocked(now, next, alone); p != nil; p = policy.Blocked(now, next, alone) {
		order = append(order, string(p.ID))
		policy.Put(now, p)
	}
	return strings.Join(order, " ")
}

// read makes the program of a specification, or changes the one of the name.
func read(t *testing.T, known map[string]*sched.Program, spec string) *sched.Program {
	fields := strings.Fields(spec)
	p := known[fields[0]]
	if p == nil {
		p = &sched.Program{ID: programs.ProgramID(fields[0])}
		known[fields[0]] = p
	}
	switch fields[1] {
	case "waits":
		p.Phase, p.Turn.Phase = programs.Active, programs.Waiting
	case "runs":
		p.Phase, p.Turn.Phase = programs.Active, programs.Decoding
	case "idle":
		p.Phase, p.Turn.Phase = programs.Interlude, programs.Finished
	default:
		t.Fatalf("%q: no phase", spec)
	}
	for _, field := range fields[2:] {
		key, value, _ := strings.Cut(field, "=")
		var x float64
		fmt.Sscan(value, &x)
		at := programs.Time(programs.Seconds(x))
		switch key {
		case "arrived":
			p.Arrived, p.Place = at, at
		case "came":
			p.Turn.Arrived = at
		case "since":
			p.Gap.Since = at
		case "used":
			p.Used = at
		case "served":
			p.Served = programs.Seconds(x)
		case "reload":
			p.Gap.Reload = programs.Seconds(x)
		case "context":
			p.Turn.Context = programs.Tokens(x)
		case "cells":
			p.Cells = programs.Tokens(x)
			p.Capacity = p.Cells
		case "seat":
			p.Seat = x
		case "turns":
			p.Turns = int(x)
		case "left":
			p.Work.Left = programs.Seconds(x)
		case "tenant":
			p.Tenant = programs.TenantID(value)
		case "preempted":
			p.Turn.Preempted = true
		case "background":
			p.Turn.Class = programs.Background
		case "hurried":
			p.Turn.Hurried = true
		case "promised":
			p.Turn.Promised = programs.Time(programs.Seconds(x))
		case "tool":
			p.Gap.Tool = value
		case "class":
			p.Gap.Class = value
		case "human":
			p.Gap.Human = true
		case "below":
			p.Below = programs.Tokens(x)
		default:
			t.Fatalf("%q: no key %s", spec, key)
		}
	}
	p.Turn.Context = max(p.Turn.Context, p.Cells)
	return p
}
