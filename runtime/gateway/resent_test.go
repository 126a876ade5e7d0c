package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// notes are what gateways have noted, as a test sees it.
type notes struct {
	t      testing.TB
	stream jetstream.Stream
	bucket jetstream.KeyValue
	from   uint64            // what was noted up to here is known:
	known  map[string][]byte // by key
}

// remember looks at what has been noted so far.
func (r *rig) remember() *notes {
	r.t.Helper()
	js, err := jetstream.New(r.conn)
	if err != nil {
		r.t.Fatal(err)
	}
	l := &notes{t: r.t, known: map[string][]byte{}}
	if l.bucket, err = js.KeyValue(r.t.Context(), "INTERLUDE_CONVERSATIONS"); err != nil {
		r.t.Fatal(err)
	}
	if l.stream, err = js.Stream(r.t.Context(), "KV_INTERLUDE_CONVERSATIONS"); err != nil {
		r.t.Fatal(err)
	}
	keys, err := l.bucket.Keys(r.t.Context())
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		r.t.Fatal(err)
	}
	for _, k := range keys {
		e, err := l.bucket.Get(r.t.Context(), k)
		if err != nil {
			r.t.Fatal(err)
		}
		l.known[k] = e.Value()
	}
	l.from = l.last()
	return l
}

func (l *notes) last() uint64 {
	l.t.Helper()
	info, err := l.stream.Info(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return info.State.LastSeq
}

// forget undoes all that has been noted since then, but for the first entries: a gateway died
// over them. It tells how many there were. Of a key that was written twice, the first is not
// there any more, and does not count.
func (l *notes) forget(but int) (noted int) {
	l.t.Helper()
	for seq, end := l.from+1, l.last(); seq <= end; seq++ {
		m, err := l.stream.GetMsg(l.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			l.t.Fatal(err)
		}
		if noted++; noted <= but {
			continue
		}
		k := strings.TrimPrefix(m.Subject, "$KV.INTERLUDE_CONVERSATIONS.")
		if value, ok := l.known[k]; ok {
			_, err = l.bucket.Put(l.t.Context(), k, value)
		} else {
			err = l.bucket.Delete(l.t.Context(), k)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return noted
}

var once = []string{"X-Stainless-Retry-Count", "1"}

// TestAGatewayDies: a gateway dies after any of its notes on a request; the client sends it
// once more, to another gateway. It is the same turn, and the conversation goes on behind it.
func TestAGatewayDies(t *testing.T) {
	for name, headers := range map[string][]string{
		"known by what it says":  nil,
		"known by a session":     {"X-Session-Id", "s"},
		"known by a program":     {"X-Interlude-Program", "mine"},
		"known by a key as well": {"Idempotency-Key", "k"},
	} {
		t.Run(name, func(t *testing.T) {
			for notes, written := 0, 1; notes <= written; notes++ {
				r := newRig(t)
				dies := r.another(Config{Model: "m"})
				post := func(g http.Handler, messages string, more ...string) *httptest.ResponseRecorder {
					t.Helper()
					w := send(t, g, http.MethodPost, "/v1/chat/completions", object{"messages": dialogue(messages)}, append(more, headers...)...)
					if w.Code != http.StatusOK {
						t.Fatalf("%d notes: %d %s", notes, w.Code, w.Body)
					}
					return w
				}
				l := r.remember()
				first := post(dies, "u1")
				written = l.forget(notes)
				again := post(r.gateway, "u1", once...)
				if r.ran() != 1 || again.Header().Get("X-Interlude-Program") != first.Header().Get("X-Interlude-Program") {
					t.Errorf("%d notes of %d: the request is %d turns, of %s and %s", notes, written, r.ran(),
						first.Header().Get("X-Interlude-Program"), again.Header().Get("X-Interlude-Program"))
				}
				if headers != nil && headers[0] == "Idempotency-Key" {
					continue // the next request would be the same
				}
				post(r.gateway, "u1 a1 u2")
				if turn := r.last(); turn.Turn != 2 || turn.Mode != wire.ModeAppend || turn.Program != first.Header().Get("X-Interlude-Program") {
					t.Errorf("%d notes of %d: the conversation goes on with turn %d of %s, %s", notes, written, turn.Turn, turn.Program, turn.Mode)
				}
			}
		})
	}
}

// TestAGatewayDiesInAConversation is the same for a later request.
func TestAGatewayDiesInAConversation(t *testing.T) {
	for notes, written := 0, 1; notes <= written; notes++ {
		r := newRig(t)
		dies := r.another(Config{Model: "m"})
		post := func(g http.Handler, messages string, more ...string) {
			t.Helper()
			if w := send(t, g, http.MethodPost, "/v1/chat/completions", object{"messages": dialogue(messages)}, more...); w.Code != http.StatusOK {
				t.Fatalf("%d notes: %d %s", notes, w.Code, w.Body)
			}
		}
		post(r.gateway, "u1")
		l := r.remember()
		post(dies, "u1 a1 u2")
		written = l.forget(notes)
		post(r.gateway, "u1 a1 u2", once...)
		if r.ran() != 2 {
			t.Errorf("%d notes of %d: two requests are %d turns", notes, written, r.ran())
		}
		post(dies, "u1 a1 u2 a2 u3")
		if turn := r.last(); turn.Turn != 3 || turn.Mode != wire.ModeAppend {
			t.Errorf("%d notes of %d: the third request is turn %d, %s", notes, written, turn.Turn, turn.Mode)
		}
	}
}

// TestANewQuestionBehindWhatNobodyNoted: the client of the gateway that died does not come back,
// and another one says something else there. It has the same program, and its own answer.
func TestANewQuestionBehindWhatNobodyNoted(t *testing.T) {
	r := newRig(t)
	post := func(messages string) *wire.Turn {
		t.Helper()
		w := r.post("/v1/chat/completions", object{"messages": dialogue(messages)})
		if w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		return r.last()
	}
	first := post("u1")
	l := r.remember()
	post("u1 a1 u2")
	l.forget(0)
	if turn := post("u1 a1 u3"); turn.Program != first.Program || turn.Turn != 3 || spell(turn.Messages) != "u1 a1 u3" {
		t.Errorf("turn %d of %s says %s", turn.Turn, turn.Program, spell(turn.Messages))
	}
	if turn := post("u1 a1 u3 a3 u4"); turn.Program != first.Program || turn.Turn != 4 || spell(turn.Messages) != "u4" {
		t.Errorf("turn %d of %s says %s", turn.Turn, turn.Program, spell(turn.Messages))
	}
}

// TestWhatFailedIsNotARetrysAnswer: it may succeed the next time, whoever noted that it failed.
func TestWhatFailedIsNotARetrysAnswer(t *testing.T) {
	for name, outcome := range map[string]wire.Result{
		"overloaded": {Outcome: wire.Failed, Error: &wire.Error{Code: wire.CodeOverloaded, Message: "busy", Retryable: true}},
		"cancelled":  {Outcome: wire.Cancelled, Error: &wire.Error{Code: wire.CodeCancelled, Message: "its client was gone"}},
	} {
		for _, key := range []string{"", "k"} {
			for noted := range 4 { // notes on the request that failed, the last of which is on the failure
				t.Run(fmt.Sprintf("%s, key %q, %d notes", name, key, noted+1), func(t *testing.T) {
					r := newRig(t)
					works := r.answer
					post := func(messages string, headers ...string) *httptest.ResponseRecorder {
						if key != "" {
							headers = append(headers, "Idempotency-Key", key+messages)
						}
						return r.post("/v1/chat/completions", object{"messages": dialogue(messages)}, headers...)
					}
					post("u1")
					l := r.remember()
					r.answer = func(context.Context, *turns.Job, *wire.Turn) wire.Result { return outcome }
					if w := post("u1 a1 u2"); w.Code == http.StatusOK {
						t.Fatal(w.Body)
					}
					l.forget(noted + 1)
					r.answer = works
					if w := post("u1 a1 u2", once...); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "re: 2") || w.Header().Get("X-Interlude-Turn") != "3" {
						t.Errorf("%d %s, turn %s", w.Code, w.Body, w.Header().Get("X-Interlude-Turn"))
					}
					if w := post("u1 a1 u2 a2 u3"); w.Code != http.StatusOK || r.last().Turn != 4 || r.last().Mode != wire.ModeAppend {
						t.Errorf("the conversation goes on with turn %d, %s: %d", r.last().Turn, r.last().Mode, w.Code)
					}
				})
			}
		}
	}
}

// TestTheSameWordsAnew: who begins the same conversation once more, and does not say that it is
// a retry, has a turn of its own; and the programs that were begun by these words are left alone.
func TestTheSameWordsAnew(t *testing.T) {
	r := newRig(t)
	gateways := []*Gateway{r.gateway, r.another(Config{Model: "m"})}
	programs := map[string]bool{}
	for i := range 6 {
		for k, messages := range []string{"u1", "u1 a1 u2", "u1 a1 u2 a2 u3"} {
			w := send(t, gateways[(i+k)%2], http.MethodPost, "/v1/chat/completions", object{"messages": dialogue(messages)})
			if w.Code != http.StatusOK {
				t.Fatal(w.Body)
			}
			if turn := r.last(); r.ran() != 3*i+k+1 || turn.Turn != int64(k+1) || (turn.Mode == wire.ModeAppend) != (k > 0) {
				t.Errorf("round %d, request %d: turn %d of %d, %s", i, k, turn.Turn, r.ran(), turn.Mode)
			}
			programs[r.last().Program] = true
		}
	}
	if len(programs) != 6 {
		t.Errorf("6 conversations are %d programs", len(programs))
	}
}

// TestAStreamThatCannotGoOn: a node dies in the middle of an answer, and another one says
// something else. The stream ends with an error, and who sends the request once more has all of
// the other's answer.
func TestAStreamThatCannotGoOn(t *testing.T) {
	r := newRig(t)
	r.answer = func(_ context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
		_ = job.Stream(wire.Chunk{Text: "Once "})
		return wire.Result{Text: "Twice upon a time", Pieces: []wire.Piece{{Kind: wire.PieceText, Text: "Twice upon a time"}}}
	}
	question := openai.ChatCompletionNewParams{Model: "m", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("go")}}
	read := func(opts ...option.RequestOption) (text, finish string, err error) {
		s := r.client(option.WithMaxRetries(0)).Chat.Completions.NewStreaming(t.Context(), question, opts...)
		for s.Next() {
			text += s.Current().Choices[0].Delta.Content
			finish += s.Current().Choices[0].FinishReason
		}
		return text, finish, s.Err()
	}
	if text, finish, err := read(); err == nil || finish != "" || text != "Once " {
		t.Errorf("the stream says %q and ends with %q, error %v", text, finish, err)
	}
	if text, finish, err := read(option.WithHeader(once[0], once[1])); err != nil || finish != "stop" || text != "Twice upon a time" {
		t.Errorf("once more, it says %q and ends with %q, error %v", text, finish, err)
	}
	if r.ran() != 1 {
		t.Errorf("%d turns", r.ran())
	}
	response := r.post("/v1/responses", object{"input": "said otherwise", "stream": true})
	if !strings.Contains(response.Body.String(), "event: response.failed") || strings.Contains(response.Body.String(), "Twice") {
		t.Errorf("the response is streamed as\n%s", response.Body)
	}
}

// TestTheFirstGatewayGivesUp: it cancels the turn of a client that is gone from there, while the
// client has sent its request once more to another one. That is told to come again, and has an
// answer then.
func TestTheFirstGatewayGivesUp(t *testing.T) {
	r := newRig(t)
	works := r.answer
	begun := make(chan struct{})
	r.answer = func(_ context.Context, job *turns.Job, _ *wire.Turn) wire.Result {
		close(begun)
		<-job.Cancelled()
		return wire.Result{Outcome: wire.Cancelled}
	}
	first, second := r.another(Config{Model: "m"}), r.gateway
	l := r.remember()
	body := object{"messages": dialogue("u1")}
	noted := l.watch()
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		sendWith(ctx, t, first, http.MethodPost, "/v1/chat/completions", body)
	}()
	<-begun
	l.await(noted, ".q.") // the last of the first notes
	l.forget(0)
	noted = l.watch()
	answers := make(chan *httptest.ResponseRecorder, 1)
	go func() { answers <- send(t, second, http.MethodPost, "/v1/chat/completions", body, once...) }()
	l.await(noted, ".q.") // it follows the turn, too
	r.mu.Lock()
	r.answer = works
	r.mu.Unlock()
	leave()
	<-gone
	if w := <-answers; w.Code != http.StatusServiceUnavailable || w.Header().Get("X-Should-Retry") != "true" {
		t.Errorf("%d %s, retry %s", w.Code, w.Body, w.Header().Get("X-Should-Retry"))
	}
	if w := send(t, second, http.MethodPost, "/v1/chat/completions", body, once...); w.Code != http.StatusOK || r.ran() != 2 {
		t.Errorf("%d %s, %d turns", w.Code, w.Body, r.ran())
	}
}

// watch hears of what is noted from now on.
func (l *notes) watch() jetstream.KeyWatcher {
	l.t.Helper()
	w, err := l.bucket.WatchAll(l.t.Context(), jetstream.UpdatesOnly())
	if err != nil {
		l.t.Fatal(err)
	}
	return w
}

// await waits for an entry of a kind.
func (l *notes) await(w jetstream.KeyWatcher, kind string) {
	l.t.Helper()
	for e := range w.Updates() {
		if e != nil && strings.Contains(e.Key(), kind) {
			_ = w.Stop()
			return
		}
	}
	l.t.Fatal("nothing is noted")
}
