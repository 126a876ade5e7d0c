package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestConversations tells, request by request, which program and turn a conversation becomes,
// and what the turn says.
func TestConversations(t *testing.T) {
	type request struct {
		messages string // u: a question, a: the answer to it, x: another answer; each with its text
		headers  []string
		program  string // of an earlier request, by number from 0; "new"
		turn     int64
		says     string // the turn's messages
		mode     wire.Mode
		parent   string // of an earlier request
	}
	appends, replaces := wire.ModeAppend, wire.ModeReplace
	for name, requests := range map[string][]request{
		"a conversation goes on": {
			{"u1", nil, "new", 1, "u1", replaces, ""},
			{"u1 a1 u2", nil, "0", 2, "u2", appends, ""},
			{"u1 a1 u2 a2 u3", nil, "0", 3, "u3", appends, ""},
		},
		"two that begin alike are two": {
			{"u1", nil, "new", 1, "u1", replaces, ""},
			{"u2", nil, "new", 1, "u2", replaces, ""},
			{"u1 a1 u3", nil, "0", 2, "u3", appends, ""},
			{"u2 a2 u3", nil, "1", 2, "u3", appends, ""},
		},
		"the last question once more": {
			{"u1", nil, "new", 1, "u1", replaces, ""},
			{"u1 a1 u2", nil, "0", 2, "u2", appends, ""},
			{"u1 a1 u2", nil, "0", 3, "u1 a1 u2", replaces, ""},
		},
		"another question in its place": {
			{"u1", nil, "new", 1, "u1", replaces, ""},
			{"u1 a1 u2", nil, "0", 2, "u2", appends, ""},
			{"u1 a1 u3", nil, "0", 3, "u1 a1 u3", replaces, ""},
			{"u1 a1 u3 a3 u4", nil, "0", 4, "u4", appends, ""},
		},
		"an answer that the client has changed": {
			{"u1", nil, "new", 1, "u1", replaces, ""},
			{"u1 x1 u2", nil, "0", 2, "u1 x1 u2", replaces, ""},
		},
		"a branch from further back": {
			{"u1", nil, "new", 1, "u1", replaces, ""},
			{"u1 a1 u2", nil, "0", 2, "u2", appends, ""},
			{"u1 a1 u2 a2 u3", nil, "0", 3, "u3", appends, ""},
			{"u1 a1 u4", nil, "new", 1, "u1 a1 u4", replaces, "0"},
			{"u1 a1 u2 a2 u3 a3 u5", nil, "0", 4, "u5", appends, ""},
			{"u1 a1 u4 a4 u6", nil, "3", 2, "u6", appends, ""},
		},
		"sessions keep conversations apart": {
			{"u1", []string{"X-Session-Id", "s"}, "new", 1, "u1", replaces, ""},
			{"u1", []string{"X-Session-Id", "t"}, "new", 1, "u1", replaces, ""},
			{"u1 a1 u2", []string{"X-Session-Id", "s"}, "0", 2, "u2", appends, ""},
			{"u1 a1 u2", []string{"X-Session-Id", "t"}, "1", 2, "u2", appends, ""},
		},
		"a program that is named": {
			{"u1", []string{"X-Interlude-Program", "mine"}, "new", 1, "u1", replaces, ""},
			{"u1 a1 u2", []string{"X-Interlude-Program", "mine"}, "0", 2, "u2", appends, ""},
			{"u1 a1 u2 a2 u3", []string{"X-Interlude-Program", "mine"}, "0", 3, "u3", appends, ""},
			{"u1 a1 u4", []string{"X-Interlude-Program", "mine"}, "0", 4, "u1 a1 u4", replaces, ""},
			{"u7", []string{"X-Interlude-Program", "mine"}, "0", 5, "u7", replaces, ""},
		},
		"a parent that is named": {
			{"u1", []string{"X-Interlude-Program", "boss"}, "new", 1, "u1", replaces, ""},
			{"u2", []string{"X-Interlude-Parent", "boss"}, "new", 1, "u2", replaces, "0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var programs []string
			for i, q := range requests {
				w := r.post("/v1/chat/completions", object{"messages": dialogue(q.messages)}, q.headers...)
				if w.Code != http.StatusOK {
					t.Fatalf("request %d: %d %s", i, w.Code, w.Body)
				}
				turn := r.last()
				programs = append(programs, turn.Program)
				if w.Header().Get("X-Interlude-Program") != turn.Program || w.Header().Get("X-Interlude-Turn") != fmt.Sprint(turn.Turn) {
					t.Errorf("request %d: the headers name %s/%s", i, w.Header().Get("X-Interlude-Program"), w.Header().Get("X-Interlude-Turn"))
				}
				want := turn.Program
				if q.program != "new" {
					want = programs[q.program[0]-'0']
				} else if slices.Contains(programs[:i], turn.Program) {
					t.Errorf("request %d: program %s is not new", i, turn.Program)
				}
				parent := ""
				if q.parent != "" {
					parent = programs[q.parent[0]-'0']
				}
				if turn.Program != want || turn.Turn != q.turn || turn.Mode != q.mode || spell(turn.Messages) != q.says || turn.Lifecycle.Parent != parent {
					t.Errorf("request %d: program %s (want %s) turn %d, %s %q, parent %q; want turn %d, %s %q, parent %q",
						i, turn.Program, want, turn.Turn, turn.Mode, spell(turn.Messages), turn.Lifecycle.Parent, q.turn, q.mode, q.says, parent)
				}
			}
		})
	}
}

// conversation reads the notation of TestConversations; the rig answers uN with "re: N".
func dialogue(text string) (messages []object) {
	for _, word := range strings.Fields(text) {
		switch word[0] {
		case 'u':
			messages = append(messages, message("user", word[1:]))
		case 'a':
			messages = append(messages, message("assistant", "re: "+word[1:]))
		case 'x':
			messages = append(messages, message("assistant", "other "+word[1:]))
		}
	}
	return messages
}

func spell(messages []wire.Message) string {
	var words []string
	for _, m := range messages {
		switch text := string(m.Content); {
		case m.Role == "user":
			words = append(words, "u"+text)
		case strings.HasPrefix(text, "re: "):
			words = append(words, "a"+text[4:])
		default:
			words = append(words, "x"+strings.TrimPrefix(text, "other "))
		}
	}
	return strings.Join(words, " ")
}

// TestClientsDoNotSendBackWhatTheyGot: a conversation is recognised in other words.
func TestClientsDoNotSendBackWhatTheyGot(t *testing.T) {
	r := newRig(t)
	r.answer = func(_ context.Context, _ *turns.Job, turn *wire.Turn) wire.Result {
		return wire.Result{Text: "…", Pieces: []wire.Piece{
			{Kind: wire.PieceReasoning, Text: "hm"},
			{Kind: wire.PieceText, Text: " Let me look. "},
			{Kind: wire.PieceToolCall, ID: "call00001", Name: "read", Text: `{"path": "a", "from": 1}`, Done: true},
		}}
	}
	ask := []object{message("developer", "Be brief."), message("user", "Look.")}
	first := r.post("/v1/chat/completions", object{"messages": ask})
	if first.Code != http.StatusOK {
		t.Fatal(first.Body)
	}
	back := object{"role": "assistant", "content": "Let me look.", "tool_calls": []object{
		{"id": "call00001", "type": "function", "function": object{"name": "read", "arguments": `{"from":1,"path":"a"}`}},
	}}
	result := object{"role": "tool", "tool_call_id": "call00001", "content": []object{{"type": "text", "text": "it"}}}
	second := r.post("/v1/chat/completions", object{"messages": []object{message("system", "Be brief."), message("user", " Look.\n"), back, result}})
	if second.Code != http.StatusOK {
		t.Fatal(second.Body)
	}
	turn := r.last()
	if turn.Turn != 2 || turn.Mode != wire.ModeAppend || len(turn.Messages) != 1 || turn.Messages[0].Role != "tool" || turn.Messages[0].Content != "it" {
		t.Errorf("the second turn is %d, %s of %+v", turn.Turn, turn.Mode, turn.Messages)
	}
}

// TestAFailedTurnIsAsIfItHadNeverBeenSaid: the next one goes on from what was before.
func TestAFailedTurnIsAsIfItHadNeverBeenSaid(t *testing.T) {
	r := newRig(t)
	works := r.answer
	ask := func(messages string, status int) *wire.Turn {
		t.Helper()
		if w := r.post("/v1/chat/completions", object{"messages": dialogue(messages)}); w.Code != status {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return r.last()
	}
	first := ask("u1", http.StatusOK)
	r.answer = func(context.Context, *turns.Job, *wire.Turn) wire.Result {
		return wire.Result{Outcome: wire.Failed, Error: &wire.Error{Code: wire.CodeEngine, Message: "broken"}}
	}
	ask("u1 a1 u2", http.StatusInternalServerError)
	ask("u1 a1 u2", http.StatusInternalServerError)
	r.answer = works
	if turn := ask("u1 a1 u2", http.StatusOK); turn.Program != first.Program || turn.Turn != 4 || turn.Mode != wire.ModeAppend || spell(turn.Messages) != "u2" {
		t.Errorf("turn %d of %s is %s of %s", turn.Turn, turn.Program, turn.Mode, spell(turn.Messages))
	}
}

// TestAnotherGatewayGoesOn: what gateways know is in JetStream.
func TestAnotherGatewayGoesOn(t *testing.T) {
	r := newRig(t)
	other := r.another(Config{Model: "m"})
	for i, g := range []*Gateway{r.gateway, other, r.gateway, other} {
		var words []string
		for n := range i {
			words = append(words, fmt.Sprintf("u%d a%d", n, n))
		}
		w := send(t, g, http.MethodPost, "/v1/chat/completions", object{"messages": dialogue(strings.Join(append(words, fmt.Sprintf("u%d", i)), " "))})
		if w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		if turn := r.last(); turn.Turn != int64(i+1) || len(turn.Messages) != 1 {
			t.Errorf("request %d is turn %d with %d messages", i, turn.Turn, len(turn.Messages))
		}
	}
}

// TestEveryTurnSaysWhatTheRequestSaid: whatever clients send, in whichever order, through two
// gateways, and with turns that fail, the conversation that the node answers is the request's.
func TestEveryTurnSaysWhatTheRequestSaid(t *testing.T) {
	r := newRig(t)
	gateways := []*Gateway{r.gateway, r.another(Config{Model: "m"})}
	session := 0
	rapid.Check(t, func(t *rapid.T) {
		session++
		known := [][]object{{}} // conversations that have been, with their answers
		fails := false
		heard := ""
		r.mu.Lock()
		r.answer = func(_ context.Context, _ *turns.Job, turn *wire.Turn) wire.Result {
			said := turn.Messages
			if turn.Mode != wire.ModeReplace {
				said = append(slices.Clone(r.talk(turn.Program)), said...)
			}
			heard = spell(said)
			if fails {
				return wire.Result{Outcome: wire.Failed, Error: &wire.Error{Code: wire.CodeEngine, Message: "broken"}}
			}
			return wire.Result{Text: "re: " + string(said[len(said)-1].Content)}
		}
		r.mu.Unlock()
		for range rapid.IntRange(1, 12).Draw(t, "requests") {
			base := rapid.SampledFrom(known).Draw(t, "conversation")
			base = base[:rapid.IntRange(0, len(base)).Draw(t, "kept")]
			if len(base) > 0 && rapid.IntRange(0, 4).Draw(t, "edit") == 0 {
				base = slices.Clone(base)
				at := rapid.IntRange(0, len(base)-1).Draw(t, "at")
				base[at] = message(base[at]["role"].(string), "other "+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "text"))
			}
			for range rapid.IntRange(0, 2).Draw(t, "new") {
				base = append(slices.Clip(base), message("user", rapid.SampledFrom([]string{"1", "2"}).Draw(t, "question")))
			}
			if len(base) == 0 {
				continue
			}
			fails = rapid.IntRange(0, 4).Draw(t, "fails") == 0
			heard = ""
			g := gateways[rapid.IntRange(0, 1).Draw(t, "gateway")]
			w := send(r.t, g, http.MethodPost, "/v1/chat/completions", object{"messages": base}, "X-Session-Id", fmt.Sprint("session", session))
			want := spellObjects(base)
			if heard != want {
				t.Fatalf("the node heard %q, the client said %q (%d %s)", heard, want, w.Code, w.Body)
			}
			if fails != (w.Code != http.StatusOK) {
				t.Fatalf("status %d", w.Code)
			}
			if !fails {
				known = append(known, append(slices.Clip(base), message("assistant", "re: "+base[len(base)-1]["content"].(string))))
			}
		}
	})
}

func spellObjects(objects []object) string {
	data, err := json.Marshal(objects)
	if err != nil {
		panic(err)
	}
	var messages []wire.Message
	if err := json.Unmarshal(data, &messages); err != nil {
		panic(err)
	}
	return spell(messages)
}
