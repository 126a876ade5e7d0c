package arena

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// world is an arena, the buffer it accounts for, and what each range should
// contain.
type world struct {
	arena *Arena
	align int64
	buf   []byte
	want  map[Handle][]byte
	live  []Handle // in order of birth
	stamp byte
}

func newWorld(size, align int64) *world {
	return &world{arena: New(size, align), align: align, buf: make([]byte, size), want: map[Handle][]byte{}}
}

func (w *world) round(n int64) int64 { return (n + w.align - 1) / w.align * w.align }

func (w *world) free() int64 {
	free := int64(len(w.buf)) / w.align * w.align
	for _, content := range w.want {
		free -= int64(len(content))
	}
	return free
}

func (w *world) carryOut(moves []Move) {
	for _, m := range moves {
		copy(w.buf[m.To:m.To+m.N], w.buf[m.From:m.From+m.N])
	}
}

// fill writes new contents into the range from byte from on.
func (w *world) fill(h Handle, from, n int64) {
	content := append([]byte(nil), w.want[h][:from]...)
	for int64(len(content)) < n {
		w.stamp++
		content = append(content, w.stamp)
	}
	w.want[h] = content
	copy(w.buf[w.arena.Offset(h)+from:], content[from:])
}

func (w *world) alloc(n int64) error {
	enough := w.round(n) <= w.free()
	before := w.arena.Stats()
	h, moves, ok := w.arena.Alloc(n)
	if err := w.settle(ok, enough, before, moves); err != nil {
		return fmt.Errorf("alloc of %d bytes: %w", n, err)
	}
	if !ok {
		return nil
	}
	w.live = append(w.live, h)
	w.fill(h, 0, w.round(n))
	return w.audit()
}

func (w *world) grow(h Handle, n int64) error {
	has := int64(len(w.want[h]))
	enough := w.round(n)-has <= w.free()
	before := w.arena.Stats()
	moves, ok := w.arena.Grow(h, n)
	if err := w.settle(ok, enough, before, moves); err != nil {
		return fmt.Errorf("grow of range %d from %d to %d bytes: %w", h, has, n, err)
	}
	if ok {
		w.fill(h, has, w.round(n))
	}
	return w.audit()
}

// settle holds a call that may fail to what it promises, and carries out the
// moves.
func (w *world) settle(ok, enough bool, before Stats, moves []Move) error {
	if ok != enough {
		return fmt.Errorf("ok is %v with %d bytes free", ok, before.Free)
	}
	if !ok && w.arena.Stats() != before {
		return fmt.Errorf("failed and changed %+v to %+v", before, w.arena.Stats())
	}
	var moved int64
	for _, m := range moves {
		moved += m.N
	}
	if got := w.arena.Stats().Moved - before.Moved; got != moved {
		return fmt.Errorf("moves %d bytes and accounts for %d", moved, got)
	}
	w.carryOut(moves)
	return nil
}

func (w *world) trim(h Handle, n int64) error {
	w.arena.Trim(h, n)
	w.want[h] = w.want[h][:w.round(n)]
	return w.audit()
}

func (w *world) release(h Handle) error {
	w.arena.Free(h)
	delete(w.want, h)
	w.live = slices.DeleteFunc(w.live, func(l Handle) bool { return l == h })
	return w.audit()
}

func (w *world) audit() error {
	if err := w.arena.Check(); err != nil {
		return err
	}
	st := w.arena.Stats()
	if free := w.free(); st.Free != free || st.Used+st.Free != int64(len(w.buf))/w.align*w.align || st.Ranges != len(w.live) {
		return fmt.Errorf("%+v, want %d bytes free and %d ranges", st, free, len(w.live))
	}
	for _, h := range w.live {
		content := w.want[h]
		off := w.arena.Offset(h)
		if w.arena.Size(h) != int64(len(content)) {
			return fmt.Errorf("range %d has %d bytes, want %d", h, w.arena.Size(h), len(content))
		}
		if got := w.buf[off : off+int64(len(content))]; !bytes.Equal(got, content) {
			return fmt.Errorf("range %d at %d contains %v, want %v", h, off, got, content)
		}
	}
	return nil
}

// Whatever the calls, contents stay and room is found exactly when it is there.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		align := rapid.Int64Range(1, 8).Draw(t, "align")
		w := newWorld(rapid.Int64Range(0, 200).Draw(t, "size"), align)
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		someone := func(t *rapid.T) Handle {
			if len(w.live) == 0 {
				t.Skip("nothing is allocated")
			}
			return rapid.SampledFrom(w.live).Draw(t, "range")
		}
		alloc := func(t *rapid.T) { must(w.alloc(rapid.Int64Range(1, 40).Draw(t, "n"))) }
		t.Repeat(map[string]func(*rapid.T){
			"alloc": alloc, "alloc more": alloc, // twice as often as free, to keep the buffer full
			"grow": func(t *rapid.T) {
				h := someone(t)
				must(w.grow(h, int64(len(w.want[h]))+rapid.Int64Range(0, 40).Draw(t, "by")))
			},
			"trim": func(t *rapid.T) {
				h := someone(t)
				must(w.trim(h, rapid.Int64Range(1, int64(len(w.want[h]))).Draw(t, "n")))
			},
			"free": func(t *rapid.T) { must(w.release(someone(t))) },
		})
	})
}

// The picture of each case shows a letter per byte of a range and a dot per
// free byte.
func TestPlacement(t *testing.T) {
	for _, tc := range []struct {
		name, before string
		call         func(w *world, h map[byte]Handle) error
		after        string
		moved        int64
	}{
		{"smallest hole that fits", "AA.....BB...CC....",
			func(w *world, _ map[byte]Handle) error { return w.alloc(3) }, "AA.....BBNNNCC....", 0},
		{"lowest of equal holes", "AA..BB..CC",
			func(w *world, _ map[byte]Handle) error { return w.alloc(2) }, "AANNBB..CC", 0},
		{"no hole fits: the fewest bytes slide", "AAA..BBB..C..DDD",
			func(w *world, _ map[byte]Handle) error { return w.alloc(4) }, "AAA..BBBCNNNNDDD", 1},
		{"all free bytes are scattered", ".A.B.C.D.",
			func(w *world, _ map[byte]Handle) error { return w.alloc(5) }, "ABCDNNNNN", 4},
		{"grow into the hole behind", "AA..BB",
			func(w *world, h map[byte]Handle) error { return w.grow(h['A'], 4) }, "AAaaBB", 0},
		{"grow by moving a small neighbour", "AAAAAB....",
			func(w *world, h map[byte]Handle) error { return w.grow(h['A'], 7) }, "AAAAAaa..B", 1},
		{"grow by moving to a larger hole", "ABBBBBB.....",
			func(w *world, h map[byte]Handle) error { return w.grow(h['A'], 3) }, ".BBBBBBAaa..", 1},
		{"grow by sliding down", "..AABBBBBB",
			func(w *world, h map[byte]Handle) error { return w.grow(h['A'], 3) }, "AAa.BBBBBB", 2},
		{"grow where no second copy fits", ".BB.AAAAA.CC.",
			func(w *world, h map[byte]Handle) error { return w.grow(h['A'], 9) }, "BBAAAAAaaaaCC", 9},
		{"trim gives back the tail", "AAAABB",
			func(w *world, h map[byte]Handle) error { return w.trim(h['A'], 1) }, "A...BB", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, handles := drawn(t, tc.before)
			if err := tc.call(w, handles); err != nil {
				t.Fatal(err)
			}
			after := strings.ToUpper(tc.after)
			if got := w.picture(handles); got != after {
				t.Errorf("%s became %s, want %s", tc.before, got, after)
			}
			if got := w.arena.Stats().Moved; got != tc.moved {
				t.Errorf("moved %d bytes, want %d", got, tc.moved)
			}
		})
	}
}

// drawn makes the arena that the picture shows.
func drawn(t *testing.T, picture string) (*world, map[byte]Handle) {
	t.Helper()
	w := newWorld(int64(len(picture)), 1)
	handles := map[byte]Handle{}
	var holes []Handle
	for i := 0; i < len(picture); {
		n := 1
		for i+n < len(picture) && picture[i+n] == picture[i] {
			n++
		}
		if err := w.alloc(int64(n)); err != nil {
			t.Fatal(err)
		}
		h := w.live[len(w.live)-1]
		if picture[i] == '.' {
			holes = append(holes, h)
		} else {
			handles[picture[i]] = h
		}
		i += n
	}
	for _, h := range holes {
		if err := w.release(h); err != nil {
			t.Fatal(err)
		}
	}
	return w, handles
}

func (w *world) picture(handles map[byte]Handle) string {
	p := bytes.Repeat([]byte{'.'}, len(w.buf))
	for _, h := range w.live {
		letter := byte('N')
		for l, known := range handles {
			if known == h {
				letter = l
			}
		}
		for i := range w.arena.Size(h) {
			p[w.arena.Offset(h)+i] = letter
		}
	}
	return string(p)
}

func TestNeighboursMoveAsOne(t *testing.T) {
	w, _ := drawn(t, "..AABBCC..DD")
	_, moves, ok := w.arena.Alloc(4)
	if want := []Move{{From: 2, To: 0, N: 6}}; !ok || !slices.Equal(moves, want) {
		t.Errorf("moves %v, want %v", moves, want)
	}
}

func TestMoreThanTheBufferDoesNotFit(t *testing.T) {
	a := New(100, 64)
	if st := a.Stats(); st.Free != 64 || st.LargestHole != 64 {
		t.Errorf("%+v, want 64 bytes free: the rest is no multiple of the alignment", st)
	}
	h, _, _ := a.Alloc(1)
	for _, n := range []int64{65, 100, math.MaxInt64} {
		if _, _, ok := a.Alloc(n); ok {
			t.Errorf("alloc of %d bytes succeeded", n)
		}
		if _, ok := a.Grow(h, n); ok {
			t.Errorf("grow to %d bytes succeeded", n)
		}
	}
}

func TestMisusePanics(t *testing.T) {
	a := New(64, 8)
	h, _, _ := a.Alloc(16)
	gone, _, _ := a.Alloc(8)
	a.Free(gone)
	for name, call := range map[string]func(){
		"empty range":       func() { a.Alloc(0) },
		"negative range":    func() { a.Alloc(-1) },
		"stale handle":      func() { a.Offset(gone) },
		"free twice":        func() { a.Free(gone) },
		"grow that shrinks": func() { a.Grow(h, 8) },
		"trim that grows":   func() { a.Trim(h, 17) },
		"trim to nothing":   func() { a.Trim(h, 0) },
		"alignment of zero": func() { New(64, 0) },
		"a negative size":   func() { New(-1, 8) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}

func TestCheckFindsDamage(t *testing.T) {
	for name, damage := range map[string]func(a *Arena){
		"overlap":       func(a *Arena) { a.ranges[1].off = 0 },
		"misalignment":  func(a *Arena) { a.ranges[1].off++ },
		"out of bounds": func(a *Arena) { a.ranges[1].off = 64 },
		"empty":         func(a *Arena) { a.ranges[0].size = 0 },
		"miscount":      func(a *Arena) { a.used++ },
		"lost range":    func(a *Arena) { a.ranges = a.ranges[:1]; a.used -= 16 },
		"lost handle":   func(a *Arena) { clear(a.byHandle) },
	} {
		t.Run(name, func(t *testing.T) {
			a := New(64, 8)
			a.Alloc(16)
			a.Alloc(16)
			damage(a)
			if a.Check() == nil {
				t.Error("not noticed")
			}
		})
	}
}
