package sdk

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/sdk/wire"
)

// TestPartsOverAttempts: whatever attempts there are and wherever they end, each piece of the
// answer is yielded once.
func TestPartsOverAttempts(t *testing.T) {
	kinds := []wire.PieceKind{wire.PieceText, wire.PieceReasoning, wire.PieceToolCall}
	rapid.Check(t, func(t *rapid.T) {
		var whole []Piece // of one byte each
		calls := 0
		for range rapid.IntRange(0, 5).Draw(t, "parts") {
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			n := rapid.IntRange(1, 4).Draw(t, "bytes")
			for i := range n {
				p := Piece{Kind: kind, Text: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "byte")}
				if kind == wire.PieceToolCall {
					p.Index, p.Done = calls, i == n-1
					if i == 0 {
						p.ID, p.Name = "id", "name"
					}
				}
				whole = append(whole, p)
			}
			if kind == wire.PieceToolCall {
				calls++
			}
		}
		joined := func(pieces []Piece) (all []Piece) {
			for _, p := range pieces {
				all = wire.Join(all, p)
			}
			return all
		}
		var p parts
		var got []Piece
		take := func(pieces []Piece, ok bool) {
			if !ok {
				t.Fatal("the same answer is taken for another")
			}
			for _, piece := range pieces {
				got = wire.Join(got, piece)
			}
		}
		for range rapid.IntRange(1, 4).Draw(t, "attempts") {
			p.begin()
			end := rapid.IntRange(0, len(whole)).Draw(t, "ends at")
			for at := 0; at < end; {
				n := min(rapid.IntRange(1, 3).Draw(t, "at once"), end-at)
				take(p.add(joined(whole[at : at+n])))
				at += n
			}
		}
		take(p.end(joined(whole)))
		if want := joined(whole); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("yielded %+v\nof      %+v", got, want)
		}
	})
}

func TestPartsThatDiffer(t *testing.T) {
	text := func(s string) Piece { return Piece{Kind: wire.PieceText, Text: s} }
	call := Piece{Kind: wire.PieceToolCall, ID: "1", Name: "f", Text: "{}", Done: true}
	for name, c := range map[string]struct{ shown, all []Piece }{
		"another text":          {[]Piece{text("ab")}, []Piece{text("ac")}},
		"a part in between":     {[]Piece{text("ab")}, []Piece{call, text("ab")}},
		"a text that went on":   {[]Piece{text("ab"), call}, []Piece{text("abc"), call}},
		"a call that never was": {[]Piece{call}, []Piece{text("ab")}},
		"another call":          {[]Piece{call}, []Piece{{Kind: wire.PieceToolCall, ID: "2", Name: "f", Text: "{}", Done: true}}},
	} {
		p := parts{shown: c.shown}
		if fresh, ok := p.end(c.all); ok {
			t.Errorf("%s: %+v was shown, %+v is the answer, and %+v is new", name, c.shown, c.all, fresh)
		}
	}
}
