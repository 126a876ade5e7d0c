package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

var first = wire.ID{Tenant: wire.DefaultTenant, Program: "p", Turn: 1}

func ask(t *testing.T, c *sdk.Client) *sdk.Answer {
	t.Helper()
	a, err := c.Program("p").Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("hello")}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestText holds what is shown of an answer to what was stored, whatever happens
// to the chunks on their way.
func TestText(t *testing.T) {
	chunk := func(attempt int, seq int64, text string) wire.Chunk {
		return wire.Chunk{Version: wire.Version, Attempt: attempt, Seq: seq, Text: text}
	}
	result := func(text string) wire.Result {
		return wire.Result{Version: wire.Version, Outcome: wire.Completed, Text: text}
	}
	for _, c := range []struct {
		name string
		sent []any
		want []string
		err  error
	}{
		{"as it comes", []any{chunk(1, 1, "ab"), chunk(1, 2, "c"), result("abc")}, []string{"ab", "c"}, nil},
		{"nothing streamed", []any{result("abc")}, []string{"abc"}, nil},
		{"one missing", []any{chunk(1, 1, "a"), chunk(1, 3, "c"), result("abc")}, []string{"a", "bc"}, nil},
		{"the first missing", []any{chunk(1, 2, "b"), result("ab")}, []string{"ab"}, nil},
		{"one twice", []any{chunk(1, 1, "a"), chunk(1, 1, "a"), result("ab")}, []string{"a", "b"}, nil},
		{"a new attempt repeats", []any{chunk(1, 1, "ab"), chunk(2, 1, "a"), chunk(2, 2, "bc"), chunk(2, 3, "d"), result("abcd")}, []string{"ab", "c", "d"}, nil},
		{"an old attempt goes on", []any{chunk(2, 1, "ab"), chunk(1, 2, "x"), chunk(2, 2, "c"), result("abc")}, []string{"ab", "c"}, nil},
		{"a new attempt differs", []any{chunk(1, 1, "ab"), chunk(2, 1, "xy"), result("abz")}, []string{"ab", "z"}, nil},
		{"the stored answer differs", []any{chunk(1, 1, "ab"), result("xyz")}, []string{"ab"}, sdk.ErrDiverged},
		{"not JSON", []any{"noise", chunk(1, 1, "a"), result("ab")}, []string{"a", "b"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			connect := natsServer(t)
			script(t, connect(), first, c.sent...)
			a := ask(t, use(t, connect()))
			var got []string
			var failed error
			for text, err := range a.Text() {
				if err != nil {
					failed = err
					break
				}
				got = append(got, text)
			}
			if !slices.Equal(got, c.want) || !errors.Is(failed, c.err) {
				t.Errorf("got %q and %v, want %q and %v", got, failed, c.want, c.err)
			}
			stored := c.sent[len(c.sent)-1].(wire.Result)
			if r, err := a.Result(t.Context()); err != nil || r.Text != stored.Text {
				t.Errorf("the result is %v, %v", r, err)
			}
		})
	}
}

func TestFullQueueIsTriedAgain(t *testing.T) {
	connect := natsServer(t)
	node, refusals := connect(), 2
	_, err := node.Subscribe(first.Subject(wire.KindSubmit), func(m *nats.Msg) {
		if refusals--; refusals >= 0 {
			reply(t, m, wire.Reply{Version: 1, Error: &wire.Error{Code: wire.CodeQueueFull, Message: "full", Retryable: true, RetryAfterMS: 5}})
			return
		}
		reply(t, m, wire.Reply{Version: 1, Accepted: &wire.Accepted{}})
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = node.Flush()
	ask(t, use(t, connect())).Close()
	if refusals != -1 {
		t.Errorf("%d refusals left over", refusals)
	}
}

func TestRefusal(t *testing.T) {
	connect := natsServer(t)
	serve(t, connect(), echo)
	p := use(t, connect()).Program("p")
	_, err := p.Turn(t.Context(), sdk.Turn{})
	var e *sdk.Error
	if !errors.Is(err, sdk.ErrInvalidTurn) || !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("a turn without messages: %v", err)
	}
	if _, err := p.Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("x")}}); err != nil {
		t.Errorf("the number of a refused turn is free: %v", err)
	}
}

// TestOverloaded: a turn that was turned away says when to come again, and its number is used.
func TestOverloaded(t *testing.T) {
	connect := natsServer(t)
	serve(t, connect(), func(ctx context.Context, job *turns.Job) {
		_ = job.Finish(ctx, wire.Result{Outcome: wire.Failed, Error: &wire.Error{Code: wire.CodeOverloaded, Message: "full", Retryable: true, RetryAfterMS: 1500}})
	})
	p := use(t, connect()).Program("p")
	a, err := p.Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("x")}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Result(t.Context())
	var e *sdk.Error
	if !errors.Is(err, sdk.ErrOverloaded) || !errors.As(err, &e) || e.RetryAfter() != 1500*time.Millisecond {
		t.Errorf("the result is %v", err)
	}
	if a, err = p.Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("x")}}); err != nil || a.Number() != 2 {
		t.Errorf("the next try: %v, %v", a, err)
	}
}

// TestClass: a turn is of its own class, or of its program's.
func TestClass(t *testing.T) {
	connect := natsServer(t)
	serve(t, connect(), func(ctx context.Context, job *turns.Job) {
		turn, err := job.Turn(ctx)
		if err != nil {
			return
		}
		_ = job.Finish(ctx, wire.Result{Outcome: wire.Completed, Text: string(turn.Class)})
	})
	c := use(t, connect())
	for _, one := range []struct {
		of   []sdk.ProgramOption
		own  sdk.Class
		want sdk.Class
	}{
		{nil, "", sdk.Interactive},
		{nil, sdk.Background, sdk.Background},
		{[]sdk.ProgramOption{sdk.InClass(sdk.Background)}, "", sdk.Background},
		{[]sdk.ProgramOption{sdk.InClass(sdk.Background)}, sdk.Interactive, sdk.Interactive},
	} {
		a, err := c.Program(fmt.Sprintf("p-%d-%s", len(one.of), one.own), one.of...).Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("x")}, Class: one.own})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := a.Result(t.Context()); err != nil || sdk.Class(r.Text) != one.want {
			t.Errorf("%+v is of class %v (%v)", one, r, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	connect := natsServer(t)
	c := use(t, connect(), sdk.SubmitTimeout(200*time.Millisecond))
	_, err := c.Program("p").Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("x")}})
	if !errors.Is(err, sdk.ErrNoNode) {
		t.Errorf("got %v", err)
	}
}

// TestSameTurnAgain sends a turn that has its answer: it is read, not run.
func TestSameTurnAgain(t *testing.T) {
	connect := natsServer(t)
	serve(t, connect(), echo)
	for i := range 2 {
		a := ask(t, use(t, connect()))
		r, err := a.Result(t.Context())
		if err != nil || r.Text != "hello" || a.Duplicate != (i == 1) {
			t.Errorf("time %d: duplicate %v, %v, %v", i+1, a.Duplicate, r, err)
		}
	}
}

// TestEndOfContextCancels ends the context of a turn that runs; nothing is left
// behind on the connection.
func TestEndOfContextCancels(t *testing.T) {
	connect := natsServer(t)
	serve(t, connect(), hang)
	conn := connect()
	c := use(t, conn)
	ctx, cancel := context.WithCancel(t.Context())
	p := c.Program("p")
	a, err := p.Turn(ctx, sdk.Turn{Messages: []sdk.Message{sdk.User("x")}})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for _, err := range a.Text() {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	await(t, "the turn to be cancelled", func() bool {
		r, err := c.Result(t.Context(), "p", 1)
		return err == nil && r.Outcome == wire.Cancelled
	})
	await(t, "the subscriptions to end", func() bool { return conn.NumSubscriptions() <= 1 }) // that of replies stays
}

// TestGivenUpWhileSubmitting ends the context while the turn is on its way: if it
// arrived, it is cancelled, and the program goes on either way.
func TestGivenUpWhileSubmitting(t *testing.T) {
	connect := natsServer(t)
	serve(t, connect(), hang)
	c := use(t, connect())
	for i := range 8 {
		name := string(rune('a' + i))
		p := c.Program(name)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+60*i)*time.Microsecond)
		_, err := p.Turn(ctx, sdk.Turn{Messages: []sdk.Message{sdk.User("first")}})
		cancel()
		if err == nil {
			continue
		}
		next, err := p.Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("second")}})
		if err != nil {
			t.Fatalf("program %s is stuck: %v", name, err)
		}
		if next.Number() == 2 {
			await(t, "the turn given up to be cancelled", func() bool {
				r, err := c.Result(t.Context(), name, 1)
				return err == nil && r.Outcome == wire.Cancelled
			})
		}
		next.Close()
	}
}

func TestResultOfNothing(t *testing.T) {
	connect := natsServer(t)
	serve(t, connect(), echo)
	c := use(t, connect())
	if _, err := c.Result(t.Context(), "p", 7); !errors.Is(err, sdk.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Result(t.Context(), "no name", 1); err == nil {
		t.Error("a program's name with a space is no name")
	}
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}
