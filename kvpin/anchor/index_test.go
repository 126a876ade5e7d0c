package anchor_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/kvpin/anchor"
	"github.com/interlude-run/interlude/programs"
)

// join makes a text of pieces.
func join(pieces ...[]int32) []int32 { return slices.Concat(pieces...) }

type put struct {
	tenant programs.TenantID
	owner  programs.ProgramID
	tokens []int32
}

// TestFind is a table of contexts, and what is found in them.
func TestFind(t *testing.T) {
	var (
		system, other = noise(1, 100), noise(2, 230)
		document      = noise(3, 1000)
		letter        = noise(4, 300)
		answer        = noise(5, 200)
		zeros         = make([]int32, 2000)
	)
	for _, c := range []struct {
		name  string
		puts  []put
		query []int32
		from  programs.Tokens
		want  []anchor.Run
	}{
		{
			name:  "nobody has anything",
			query: document,
		},
		{
			name:  "a document behind another system line",
			puts:  []put{{"t", "a", join(system, document, letter)}},
			query: join(other, document, answer),
			want:  []anchor.Run{{At: 230, Count: 1000, Source: "a", From: 100}},
		},
		{
			name:  "at the same position behind other text",
			puts:  []put{{"t", "a", join(system, document)}},
			query: join(noise(7, 100), document),
			want:  []anchor.Run{{At: 100, Count: 1000, Source: "a", From: 100}},
		},
		{
			name:  "from within a run, of which what is before it is told as far as it matters",
			puts:  []put{{"t", "a", join(system, document)}},
			query: join(other, document),
			from:  700,
			want:  []anchor.Run{{At: 700, Count: 530, Source: "a", From: 570, Left: 470}},
		},
		{
			name:  "and no further than Near",
			puts:  []put{{"t", "a", join(system, document)}},
			query: join(other, document),
			from:  1000,
			want:  []anchor.Run{{At: 1000, Count: 230, Source: "a", From: 870, Left: anchor.Near}},
		},
		{
			name:  "two documents of two contexts, and one that is too short",
			puts:  []put{{"t", "a", join(system, document[:200])}, {"t", "b", join(other, letter)}, {"t", "c", join(other, answer[:63])}},
			query: join(letter, answer[:63], document[:200]),
			want:  []anchor.Run{{At: 0, Count: 300, Source: "b", From: 230}, {At: 363, Count: 200, Source: "a", From: 100}},
		},
		{
			name:  "the longest of those that begin together",
			puts:  []put{{"t", "long", join(system, document)}, {"t", "short", join(other, document[:900])}},
			query: document,
			want:  []anchor.Run{{At: 0, Count: 1000, Source: "long", From: 100}},
		},
		{
			name:  "the rest of it from elsewhere, with what it has to its left",
			puts:  []put{{"t", "a", join(system, answer, document[:200])}, {"t", "b", join(other, document)}},
			query: join(answer, document),
			want:  []anchor.Run{{At: 0, Count: 400, Source: "a", From: 100}, {At: 400, Count: 800, Source: "b", From: 430, Left: 200}},
		},
		{
			name:  "of equally long ones that with most before it",
			puts:  []put{{"t", "a", join(system, letter, document)}, {"t", "b", join(other, document)}},
			query: join(letter, document),
			from:  300,
			want:  []anchor.Run{{At: 300, Count: 1000, Source: "a", From: 400, Left: 300}},
		},
		{
			name:  "of equal ones the newest",
			puts:  []put{{"t", "a", join(system, document)}, {"t", "b", join(other, document)}, {"t", "c", join(answer, document)}, {"t", "b", join(other, document, answer)}},
			query: join(letter, document),
			want:  []anchor.Run{{At: 300, Count: 1000, Source: "b", From: 230}},
		},
		{
			name:  "but first the program's own",
			puts:  []put{{"t", "self", join(system, document)}, {"t", "b", join(other, document)}},
			query: join(letter, document),
			want:  []anchor.Run{{At: 300, Count: 1000, Source: "self", From: 100}},
		},
		{
			name:  "of one context's the one that moves least",
			puts:  []put{{"t", "a", join(system, document, letter, document, answer, document, system)}},
			query: join(noise(8, 1500), document),
			want:  []anchor.Run{{At: 1500, Count: 1000, Source: "a", From: 1400}},
		},
		{
			name:  "what is no longer there is not found",
			puts:  []put{{"t", "a", join(system, document)}, {"t", "a", join(system, letter)}, {"t", "b", document}, {"t", "b", document[:63]}},
			query: join(other, document, letter),
			want:  []anchor.Run{{At: 1230, Count: 300, Source: "a", From: 100}},
		},
		{
			name:  "nothing of another tenant, whosoever's name is given",
			puts:  []put{{"u", "self", join(system, document)}, {"u", "b", join(other, document)}, {"t", "c", join(system, letter)}},
			query: join(other, document),
		},
		{
			name:  "a name that goes to another tenant leaves nothing behind",
			puts:  []put{{"t", "a", join(system, document)}, {"u", "a", join(system, document)}, {"t", "b", letter}},
			query: join(other, document),
		},
		{
			name:  "one token, again and again",
			puts:  []put{{"t", "a", join(system, zeros)}},
			query: join(other, zeros),
			want:  []anchor.Run{{At: 230, Count: 2000, Source: "a", From: 100}},
		},
		{
			name:  "a period, out of phase",
			puts:  []put{{"t", "a", join(system, period(37, 1000))}},
			query: join(other, period(37, 1500)[20:]),
			want:  []anchor.Run{{At: 230, Count: 980, Source: "a", From: 120}, {At: 1210, Count: 500, Source: "a", From: 582, Left: 482}},
		},
		{
			name:  "behind its end",
			puts:  []put{{"t", "a", document}},
			query: document, from: 2000,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := anchor.New[int32](anchor.Config{})
			for _, p := range c.puts {
				x.Put(p.tenant, p.owner, p.tokens)
				if err := x.Check(); err != nil {
					t.Fatal(err)
				}
			}
			if got := x.Find("t", "self", c.query, c.from); !slices.Equal(got, c.want) {
				t.Errorf("found %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestCut and drop: what has no cells is not found.
func TestCut(t *testing.T) {
	document := noise(1, 1000)
	x := anchor.New[int32](anchor.Config{})
	x.Put("t", "a", document)
	for _, c := range []struct {
		n, want programs.Tokens
	}{{2000, 1000}, {1000, 1000}, {999, 999}, {513, 513}, {600, 513}, {64, 64}, {63, 0}, {1000, 0}} {
		x.Cut("a", c.n)
		var got programs.Tokens
		for _, r := range x.Find("t", "q", document, 0) {
			got += r.Count
		}
		if got != c.want || x.Check() != nil {
			t.Errorf("cut to %d: found %d, want %d; %v", c.n, got, c.want, x.Check())
		}
	}
	x.Put("t", "a", document)
	x.Drop("a")
	x.Drop("nobody")
	x.Cut("nobody", 5)
	if got := x.Find("t", "q", document, 0); got != nil || x.Check() != nil || x.Tokens() != 0 {
		t.Errorf("dropped: found %+v, of %d tokens; %v", got, x.Tokens(), x.Check())
	}
}

// TestCutLetsGo: what is left of a long context does not hold the whole of it.
func TestCutLetsGo(t *testing.T) {
	text := noise(1, 1000)
	x := anchor.New[int32](anchor.Config{})
	x.Put("t", "a", text)
	x.Cut("a", 100)
	clear(text) // it is nobody's any more
	if got := x.Find("t", "q", noise(1, 100), 0); len(got) != 1 || x.Check() != nil {
		t.Errorf("found %+v; %v", got, x.Check())
	}
}

// TestMaxTokens: the context that was put longest ago goes first, whosever it is, and one
// that is too long for all is kept as far as it may be.
func TestMaxTokens(t *testing.T) {
	x := anchor.New[int32](anchor.Config{MaxTokens: 1000})
	has := func(want ...programs.ProgramID) {
		t.Helper()
		var got []programs.ProgramID
		for k := range 5 {
			for _, tenant := range []programs.TenantID{"t", "u"} {
				for _, r := range x.Find(tenant, "", noise(uint64(k), 2000), 0) {
					got = append(got, r.Source)
				}
			}
		}
		if !slices.Equal(got, want) || x.Check() != nil {
			t.Errorf("has %v, want %v; %v", got, want, x.Check())
		}
	}
	x.Put("u", "0", noise(0, 300))
	x.Put("t", "1", noise(1, 300))
	x.Put("t", "2", noise(2, 400))
	has("0", "1", "2")
	x.Put("u", "0", noise(0, 301))
	has("0", "2")
	x.Put("t", "3", noise(3, 200))
	has("0", "2", "3")
	x.Put("t", "4", noise(4, 1500))
	has("4")
	if x.Tokens() != 1000 {
		t.Errorf("%d tokens", x.Tokens())
	}
}

// TestWrittenTo: tokens that are written to are never given for what they were, and Check
// tells.
func TestWrittenTo(t *testing.T) {
	text := noise(1, 200)
	x := anchor.New[int32](anchor.Config{})
	x.Put("t", "a", text)
	text[90]++
	want := []anchor.Run{{At: 0, Count: 90, Source: "a"}, {At: 91, Count: 109, Source: "a", From: 91}}
	if got := x.Find("t", "q", noise(1, 200), 0); !slices.Equal(got, want) {
		t.Errorf("found %+v", got)
	}
	if x.Check() == nil {
		t.Error("Check says nothing")
	}
}

// TestTenants: whatever two tenants put and whomever they name, no run is of the
// other's context.
func TestTenants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := anchor.New[int32](anchor.Config{Block: 2, Least: 3, Seed: rapid.Uint64().Draw(t, "seed")})
		if rapid.Bool().Draw(t, "collide") {
			x.Collide()
		}
		ours := map[programs.ProgramID]programs.TenantID{}
		for range 40 {
			tenant := rapid.SampledFrom([]programs.TenantID{"", "t", "tt"}).Draw(t, "tenant")
			owner := rapid.SampledFrom([]programs.ProgramID{"", "t", "a", "ta", "b"}).Draw(t, "owner")
			text := period(rapid.IntRange(1, 3).Draw(t, "period"), rapid.IntRange(3, 12).Draw(t, "length"))
			for _, r := range x.Find(tenant, owner, text, 0) {
				if ours[r.Source] != tenant {
					t.Fatalf("%q is given %+v of %q", tenant, r, ours[r.Source])
				}
			}
			x.Put(tenant, owner, text)
			ours[owner] = tenant
		}
	})
}

// TestBounds: texts that are made to be expensive are not, and what is long in them is found
// nevertheless.
func TestBounds(t *testing.T) {
	const n = 4096
	document := noise(9, n)
	pieces := func(k, length int) (text []int32) {
		r := rand.New(rand.NewPCG(uint64(k), 1))
		for len(text) < n {
			at := r.IntN(n - length)
			text = append(text, document[at:at+length]...)
		}
		return text[:n]
	}
	for _, c := range []struct {
		name string
		of   func(k int) []int32
		want int // tokens to be found at least
	}{
		{"one token", func(k int) []int32 { return make([]int32, n-k) }, n},
		{"short period", func(k int) []int32 { return period(5, n+k)[k:] }, n - 64},
		{"long period", func(k int) []int32 { return period(513, n+k)[k:] }, n - 64},
		{"everybody's", func(k int) []int32 { return append(noise(uint64(k), k), document...)[:n] }, n - 64},
		{"pieces too short", func(k int) []int32 { return pieces(k, 40) }, 0},
		{"pieces just long enough", func(k int) []int32 { return pieces(k, 64) }, n / 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := anchor.New[int32](anchor.Config{})
			for k := range 300 {
				x.Put("t", programs.ProgramID(fmt.Sprint(k)), c.of(k+1))
			}
			query, got := c.of(0), 0
			for _, r := range x.Find("t", "q", query, 0) {
				got += int(r.Count)
			}
			if got < c.want {
				t.Errorf("found %d tokens of %d, want %d", got, n, c.want)
			}
			if compared, most := x.Compared("t", "q", query, 0), anchor.Most(n); compared > most {
				t.Errorf("%d blocks compared, and %d are the most", compared, most)
			}
		})
	}
}

// TestCrowd: a context that has a text many times hides it in nobody else's.
func TestCrowd(t *testing.T) {
	word, document := noise(1, 64), noise(2, 500)
	x := anchor.New[int32](anchor.Config{})
	x.Put("t", "a", join(noise(3, 16), word, document))
	x.Put("t", "b", slices.Repeat(word, 40))
	want := []anchor.Run{{At: 7, Count: 564, Source: "a", From: 16}}
	if got := x.Find("t", "q", join(noise(4, 7), word, document), 0); !slices.Equal(got, want) {
		t.Errorf("found %+v", got)
	}
}

// TestPutHashesWhatIsNew and nothing else: what the context had is not looked at where it
// is the same list, and hashed again from where another list differs.
func TestPutHashesWhatIsNew(t *testing.T) {
	text := noise(1, 600)
	x := anchor.New[int32](anchor.Config{})
	x.Put("t", "a", text[:300])
	text[40]++
	x.Put("t", "a", text)
	if x.Check() == nil {
		t.Error("all was hashed again")
	}
	text[40]--
	if err := x.Check(); err != nil {
		t.Error(err)
	}
	changed := slices.Clone(text)
	changed[40]++
	x.Put("t", "a", changed)
	if err := x.Check(); err != nil {
		t.Error(err)
	}
}

// TestLeast is never so short that a run may have no block in it.
func TestLeast(t *testing.T) {
	text := noise(1, 31)
	for _, n := range []int{30, 31} {
		for before := range 16 {
			x := anchor.New[int32](anchor.Config{Block: 16, Least: 5})
			x.Put("t", "a", join(noise(2, before), text[:n], noise(3, 100)))
			if got := x.Find("t", "q", join(noise(4, 9), text[:n], noise(5, 100)), 0); len(got) != n-30 {
				t.Errorf("%d tokens behind %d: %+v", n, before, got)
			}
		}
	}
}

// TestGone: of a text that thousands have, those that are behind what is looked at
// are found when the others go.
func TestGone(t *testing.T) {
	document := noise(1, 200)
	x := anchor.New[int32](anchor.Config{})
	for k := range 3000 {
		x.Put("t", programs.ProgramID(fmt.Sprint(k)), append(noise(uint64(k)+2, 16), document...))
	}
	for k := 2999; k >= 0; k-- {
		want := programs.ProgramID(fmt.Sprint(k))
		if got := x.Find("t", "q", document, 0); len(got) != 1 || got[0].Source != want || got[0].Count != 200 {
			t.Fatalf("found %+v, want the whole of %s", got, want)
		}
		x.Drop(want)
	}
}

// TestSeed: whatever the seed, the same is found.
func TestSeed(t *testing.T) {
	var want []anchor.Run
	for seed := range uint64(20) {
		x := anchor.New[int32](anchor.Config{Seed: seed})
		x.Put("t", "a", join(noise(1, 100), period(50, 400), noise(2, 500)))
		x.Put("t", "b", join(noise(3, 90), period(50, 700), noise(2, 300)))
		got := x.Find("t", "b", join(period(50, 300), noise(2, 500), noise(3, 80)), 10)
		if seed == 0 {
			want = got
		}
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("seed %d: %+v, want %+v", seed, got, want)
		}
	}
}

// TestFindAllocates nothing but what it gives.
func TestFindAllocates(t *testing.T) {
	x := anchor.New[int32](anchor.Config{})
	x.Put("t", "a", noise(1, 5000))
	missing, there := noise(2, 5000), join(noise(2, 3), noise(1, 5000))
	if n := testing.AllocsPerRun(10, func() { x.Find("t", "q", missing, 0) }); n != 0 {
		t.Errorf("%v allocations where nothing is found", n)
	}
	if n := testing.AllocsPerRun(10, func() { x.Find("t", "q", there, 0) }); n != 1 {
		t.Errorf("%v allocations for one run", n)
	}
}

// TestEdits is a table of what is done to a program's history.
func TestEdits(t *testing.T) {
	var (
		system = noise(1, 150)
		task   = noise(2, 200)
		one    = noise(3, 300)
		two    = noise(4, 310)
		three  = noise(5, 320)
		fresh  = noise(6, 170)
	)
	before := join(system, task, one, two, three)
	for _, c := range []struct {
		name  string
		after []int32
		want  []anchor.Run
	}{
		{"nothing", before, nil},
		{"more behind it", join(before, fresh), nil},
		{"an end is gone", before[:700], nil},
		{"all is gone", nil, nil},
		{"all is new", fresh, nil},
		{"a message is dropped", join(system, task, two, three, fresh), []anchor.Run{{At: 350, Count: 630, From: 650}}},
		{"one is replaced", join(system, task, fresh, two, three), []anchor.Run{{At: 520, Count: 630, From: 650}}},
		{"one is replaced by one as long", join(system, task, noise(7, 300), two, three), []anchor.Run{{At: 650, Count: 630, From: 650}}},
		{"two are swapped", join(system, task, two, one, three), []anchor.Run{
			{At: 350, Count: 310, From: 650}, {At: 660, Count: 300, From: 350}, {At: 960, Count: 320, From: 960},
		}},
		{"another system line", join(fresh, task, one, two, three), []anchor.Run{{At: 170, Count: 1130, From: 150}}},
		{"another date in it", join(system[:20], []int32{-7}, before[21:]), []anchor.Run{{At: 21, Count: 1259, From: 21}}},
		{"pieces are stripped", join(system, task, one[100:], two[100:], three[280:], three[:63]), []anchor.Run{
			{At: 350, Count: 200, From: 450}, {At: 550, Count: 210, From: 750},
		}},
		{"compacted", join(system, fresh, two[200:], three), []anchor.Run{{At: 320, Count: 430, From: 850}}},
		{"the same twice", join(system, two, two), []anchor.Run{{At: 150, Count: 310, From: 650}, {At: 460, Count: 310, From: 650}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := anchor.Edits(before, c.after, 64); !slices.Equal(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	if got := anchor.Edits(nil, before, 0); got != nil {
		t.Errorf("%+v of nothing", got)
	}
	want := []anchor.Run{{At: 2, Count: 5, From: 3}}
	if got := anchor.Edits([]int32{1, 2, 3, 4, 5, 6, 7, 8}, []int32{1, 9, 4, 5, 6, 7, 8}, 4); !slices.Equal(got, want) {
		t.Errorf("%+v of few, want %+v", got, want)
	}
	if got := anchor.Edits([]int32{1, 2, 3}, []int32{3, 2, 1}, 1); !slices.Equal(got, []anchor.Run{{At: 0, Count: 1, From: 2}, {At: 1, Count: 1, From: 1}, {At: 2, Count: 1, From: 0}}) {
		t.Errorf("%+v of single tokens", got)
	}
}
