package node_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/gputest"
	"github.com/interlude-run/interlude/sdk/wire"
)

// called has the turn offer a tool.
func called(w *wire.Turn) {
	w.Tools = []wire.Tool{{Type: "function", Function: wire.Function{Name: "read", Parameters: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"}}}`)}}}
}

// TestPieces: the answer is taken apart while it comes, and in the result.
func TestPieces(t *testing.T) {
	text := func(s string) wire.Piece { return wire.Piece{Kind: wire.PieceText, Text: s} }
	call := func(index int, arguments string) wire.Piece {
		return wire.Piece{Kind: wire.PieceToolCall, Index: index, ID: "*", Name: "read", Text: arguments, Done: true}
	}
	qwen3, err := os.ReadFile("../chat/testdata/templates/qwen3.jinja")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		template string
		answer   string
		change   func(*wire.Turn)
		want     []wire.Piece // nil: all of it is text
	}{
		"text":                          {"", "hello", func(*wire.Turn) {}, nil},
		"text, where there are tools":   {"", "hello", called, nil},
		"a call":                        {"", `{"name": "read", "arguments": {"path": "a"}}`, called, []wire.Piece{call(0, `{"path": "a"}`)}},
		"what looks like one":           {"", `{"name": "read", "arguments": {"path": "a"}}`, func(*wire.Turn) {}, nil},
		"what looks like one, and none": {"", `{"name": "read", "arguments": {}}`, func(w *wire.Turn) { called(w); w.ToolChoice.Mode = wire.ToolsNone }, nil},
		"reasoning and two calls": {
			string(qwen3), "<think>\nhm\n</think>\n\nOk.\n<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"read\", \"arguments\": {}}\n</tool_call>", called,
			[]wire.Piece{{Kind: wire.PieceReasoning, Text: "hm"}, text("Ok."), call(0, `{"path": "a"}`), call(1, `{}`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				if c.template != "" {
					s.template = c.template
					s.geometry.MaxContext = 1024
				}
			}, func(r *rig) {
				r.replies(map[string]string{"q": c.answer})
				j := r.ask("p", 1, "q", c.change)
				result := r.finished(j)
				if result.Outcome != wire.Completed || result.Text != c.answer {
					t.Fatalf("the result is %+v", result)
				}
				ids := map[string]bool{}
				named := func(pieces []wire.Piece) (same []wire.Piece) {
					for _, p := range pieces {
						if p.ID != "" {
							if !regexp.MustCompile(`^[A-Za-z0-9]{9}$`).MatchString(p.ID) {
								t.Errorf("a call has the ID %q", p.ID)
							}
							ids[p.ID] = true
							p.ID = "*"
						}
						same = append(same, p)
					}
					return same
				}
				if got := named(result.Pieces); !reflect.DeepEqual(got, c.want) {
					t.Errorf("the result has the pieces %+v, want %+v", got, c.want)
				}
				want := c.want
				if want == nil {
					want = []wire.Piece{text(c.answer)}
				}
				if got := named(j.pieces); !reflect.DeepEqual(got, want) {
					t.Errorf("streamed %+v, want %+v", got, want)
				}
				if n := strings.Count(c.answer, "tool_call>") / 4; len(ids) > 1 && len(ids) != n+1 {
					t.Errorf("the calls have %d names", len(ids))
				}
			})
		})
	}
}

// TestShape: what a turn asks of its answer becomes a grammar, or is refused with a reason.
func TestShape(t *testing.T) {
	schema := func(text string, strict bool) func(*wire.Turn) {
		return func(w *wire.Turn) {
			w.Format = wire.Format{Kind: wire.FormatSchema, Schema: json.RawMessage(text), Strict: strict}
		}
	}
	required := func(w *wire.Turn) { called(w); w.ToolChoice.Mode = wire.ToolsRequired }
	for name, c := range map[string]struct {
		change  func(*wire.Turn)
		grammar string // something of it
		refused string // or why not
		loose   bool
	}{
		"nothing":                {func(*wire.Turn) {}, "", "", false},
		"an object":              {func(w *wire.Turn) { w.Format.Kind = wire.FormatJSON }, "root ::=", "", false},
		"a schema":               {schema(`{"enum": ["red"]}`, true), "red", "", false},
		"a loosened schema":      {schema(`{"type": "string", "not": {"const": "x"}}`, false), "root ::=", "", true},
		"a schema to the letter": {schema(`{"type": "string", "not": {"const": "x"}}`, true), "", "not", false},
		"no schema":              {schema(`{"type": 5}`, false), "", "type", false},
		"a call":                 {required, "read", "", false},
		"its own grammar":        {func(w *wire.Turn) { w.Sampling.Grammar = `root ::= "own"` }, "own", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			fake := gputest.NewFake(gputest.Small())
			got := ""
			play(t, func(s *stage) { s.Engine = heard{fake, &got} }, func(r *rig) {
				r.engine = fake
				r.replies(map[string]string{"q": "a"})
				result := r.finished(r.ask("p", 1, "q", c.change))
				if c.refused != "" {
					if result.Outcome != wire.Rejected || result.Error.Code != wire.CodeInvalidTurn || !strings.Contains(result.Error.Message, c.refused) {
						t.Errorf("the result is %+v, %v", result, result.Error)
					}
					return
				}
				if result.Outcome != wire.Completed || (len(result.Loosened) > 0) != c.loose {
					t.Errorf("the result is %+v, %v", result, result.Error)
				}
				if (got == "") != (c.grammar == "") || !strings.Contains(got, c.grammar) {
					t.Errorf("the engine has the grammar %q, want one with %q", got, c.grammar)
				}
			})
		})
	}
}

// heard is an engine that notes the grammar that it is given, and goes by none.
type heard struct {
	*gputest.Fake
	grammar *string
}

func (h heard) SetSampling(seq engine.Seq, s engine.Sampling, history []engine.Token) error {
	*h.grammar, s.Grammar = s.Grammar, ""
	return h.Fake.SetSampling(seq, s, history)
}

// TestLogprobsOfATurn: a turn that asks has those of its tokens, with the likeliest beside each.
func TestLogprobsOfATurn(t *testing.T) {
	play(t, nil, func(r *rig) {
		result := r.finished(r.ask("a", 1, "hello", func(w *wire.Turn) {
			w.Sampling.MaxTokens, w.Sampling.IgnoreEOS, w.Sampling.Logprobs, w.Sampling.TopLogprobs = 6, true, true, 3
		}))
		if len(result.Logprobs) != 6 {
			t.Fatalf("log probabilities of %d tokens, of 6", len(result.Logprobs))
		}
		for i, p := range result.Logprobs {
			if p.Token != result.Tokens[i] || len(p.Top) != 3 || p.Top[0].Logprob < p.Logprob || p.Logprob > 0 {
				t.Errorf("%d: %+v, sampled was %d", i, p, result.Tokens[i])
			}
		}
		if result := r.finished(r.ask("a", 2, "again", func(w *wire.Turn) { w.Sampling.MaxTokens = 2 })); result.Logprobs != nil {
			t.Errorf("nobody has asked for %v", result.Logprobs)
		}
	})
}
