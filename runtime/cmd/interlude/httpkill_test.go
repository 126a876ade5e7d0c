package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"golang.org/x/sync/errgroup"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestKillHTTP kills nodes and gateways at random moments under OpenAI's own client, and starts
// them again. NATS lives on. What is judged:
//
//   - every request has its answer, which is that of an undisturbed run;
//   - what a stream shows is the beginning of that answer, and it ends with a finish reason or
//     with an error;
//   - a conversation is one program, and its requests are that program's turns, in their order;
//   - no node was asked anything else: every turn that is stored is the answer to one request,
//     however often it was sent and whoever died over it, or has a result that says why not.
//
// -node-kills 50 -gateway-kills 20 is the full test; `task kill-http-full` runs it.
func TestKillHTTP(t *testing.T) {
	fetched(t)
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.RandomPort})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Shutdown()
	fleet := startFleet(t, b.URL())
	defer fleet.kill()
	all := time.Duration(*nodeKills + *gatewayKills)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+all*15*time.Second)
	defer cancel()

	var (
		workers sync.WaitGroup
		stop    atomic.Bool
		mu      sync.Mutex
		held    []*dialogue
	)
	for worker := range loads {
		workers.Go(func() {
			for round := 0; !stop.Load() && !t.Failed(); round++ {
				k := newDialogue(fleet.client(), worker, round)
				if err := k.hold(ctx); err != nil {
					t.Errorf("%s: %v", k.name, err)
					return
				}
				mu.Lock()
				held = append(held, k)
				mu.Unlock()
			}
		})
	}
	fleet.storm(t)
	stop.Store(true)
	workers.Wait()
	if t.Failed() {
		t.Logf("last words:%s", fleet.lastWords())
		return
	}

	failed := judgeStored(ctx, t, b, held)
	answers, again := 0, 0
	calm := fleet.undisturbed(ctx, t, held)
	for _, k := range held {
		k.judge(t, calm[k.words()])
		answers, again = answers+len(k.answers), again+k.again
	}
	if len(held) == 0 {
		t.Error("no conversation was held")
	}
	t.Logf("%d nodes and %d gateways killed; %d conversations, %d answers, %d requests sent more than once, %d turns that came to nothing",
		*nodeKills, *gatewayKills, len(held), answers, again, failed)
	if t.Failed() {
		t.Logf("last words:%s", fleet.lastWords())
	}
}

// fleet is two nodes and two gateways.
type fleet struct {
	members [4]*served // nodes, then gateways
	args    [4][]string
	fronts  [2]string // the gateways' addresses
}

func startFleet(t *testing.T, url string) *fleet {
	t.Helper()
	f := &fleet{fronts: [2]string{freePort(t), freePort(t)}}
	for i := range f.args {
		f.args[i] = []string{
			"serve", "--nats", url, "--http", "none", "--deterministic", "--device", "cpu",
			"--kv-bytes", "64MiB", "--context", "1024", "--ack-wait", "700ms", "--threads", "1", "--log-level", "warn",
		}
		if i >= 2 {
			f.args[i] = []string{"gateway", "--nats", url, "--http", f.fronts[i-2], "--log-level", "warn"}
		}
		var err error
		if f.members[i], err = tryStart(f.args[i]...); err != nil {
			f.kill()
			t.Fatal(err)
		}
	}
	return f
}

func (f *fleet) kill() {
	for _, m := range f.members {
		if m != nil {
			m.kill()
		}
	}
}

// storm kills and starts again, as often as the flags say.
func (f *fleet) storm(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	var victims []int
	for range *nodeKills {
		victims = append(victims, random.IntN(2))
	}
	for range *gatewayKills {
		victims = append(victims, 2+random.IntN(2))
	}
	random.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	for i, v := range victims {
		time.Sleep(50*time.Millisecond + time.Duration(random.Int64N(int64(1500*time.Millisecond))))
		if t.Failed() {
			return
		}
		f.members[v].kill()
		next, err := tryStart(f.args[v]...)
		if err != nil {
			t.Errorf("start after kill %d: %v", i+1, err)
			return
		}
		f.members[v] = next
	}
}

func (f *fleet) lastWords() string {
	var words strings.Builder
	for i, m := range f.members {
		fmt.Fprintf(&words, "\n%s %d:\n%s", f.args[i][0], i%2, m.logs)
	}
	return words.String()
}

// client is OpenAI's, over both gateways.
func (f *fleet) client() *openai.Client {
	c := openai.NewClient(option.WithBaseURL("http://127.0.0.1/v1"), option.WithAPIKey("none"), option.WithMaxRetries(20),
		option.WithMaxRetryDelay(2*time.Second), option.WithHTTPClient(&http.Client{Transport: either{f.fronts}}))
	return &c
}

// either sends each attempt to one of the gateways, as a load balancer does.
type either struct{ fronts [2]string }

func (e either) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = e.fronts[rand.IntN(2)]
	return http.DefaultTransport.RoundTrip(r)
}

// undisturbed has each dialogue once more, when nothing dies and nothing is reused, and gives the
// answers by what the dialogue says.
func (f *fleet) undisturbed(ctx context.Context, t *testing.T, held []*dialogue) map[string][]string {
	t.Helper()
	calm := map[string]*dialogue{}
	var workers errgroup.Group
	workers.SetLimit(loads)
	for _, k := range held {
		if calm[k.words()] != nil {
			continue
		}
		c := *k
		c.name, c.answers, c.headers = "calm-"+k.name, nil, map[string]string{"X-Session-Id": "calm-" + k.name}
		c.extra = []option.RequestOption{option.WithJSONSet("interlude.reuse", "off")}
		calm[k.words()] = &c
		workers.Go(func() error { return c.hold(ctx) })
	}
	if err := workers.Wait(); err != nil {
		t.Fatalf("undisturbed: %v", err)
	}
	texts := map[string][]string{}
	for words, c := range calm {
		for _, a := range c.answers {
			texts[words] = append(texts[words], a.text)
		}
	}
	return texts
}

// dialogue is a conversation.
type dialogue struct {
	client    *openai.Client
	name      string
	headers   map[string]string
	extra     []option.RequestOption
	system    string
	questions []string
	random    *rand.Rand

	answers []httpAnswer
	again   int // requests that were sent once more by hold
}

// httpAnswer is what a request has come to.
type httpAnswer struct {
	text, finish string
	begun        []string // what streams showed that ended with an error
	program      string
	turn         int64
}

// newDialogue makes the conversations different in how they are known: by a session, by a program
// that the client names, or by nothing but what they say.
func newDialogue(client *openai.Client, worker, round int) *dialogue {
	k := &dialogue{
		client: client, name: fmt.Sprintf("storm-%d-%d", worker, round), questions: talks[worker],
		random: rand.New(rand.NewPCG(uint64(worker), uint64(round))),
	}
	switch (worker + round) % 3 {
	case 0:
		k.headers = map[string]string{"X-Session-Id": k.name}
	case 1:
		k.headers = map[string]string{"X-Interlude-Program": k.name}
	default:
		k.system = fmt.Sprintf("You are helper %d of %d.", worker, round)
	}
	return k
}

// words are what the user says in it.
func (k *dialogue) words() string { return k.system + strings.Join(k.questions, "\n") }

// hold asks the questions, each with all that was said before.
func (k *dialogue) hold(ctx context.Context) error {
	var said []openai.ChatCompletionMessageParamUnion
	if k.system != "" {
		said = append(said, openai.SystemMessage(k.system))
	}
	for i, q := range k.questions {
		said = append(said, openai.UserMessage(q))
		a, err := k.ask(ctx, openai.ChatCompletionNewParams{
			Model: "m", Messages: said, Temperature: openai.Float(0), MaxCompletionTokens: openai.Int(24),
		})
		if err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		k.answers = append(k.answers, a)
		said = append(said, openai.AssistantMessage(a.text))
	}
	return nil
}

// ask sends a request until it is answered. The client sends it once more by itself where it
// has had no answer; an answer that broke off is asked for again here.
func (k *dialogue) ask(ctx context.Context, q openai.ChatCompletionNewParams) (a httpAnswer, err error) {
	streamed := k.random.IntN(3) > 0
	for range 20 {
		var r *http.Response
		opts := append([]option.RequestOption{option.WithResponseInto(&r)}, k.extra...)
		for name, value := range k.headers {
			opts = append(opts, option.WithHeader(name, value))
		}
		if err != nil {
			k.again++
			opts = append(opts, option.WithHeader("X-Stainless-Retry-Count", "1"))
		}
		if streamed {
			err = k.stream(ctx, q, opts, &a)
		} else {
			err = k.whole(ctx, q, opts, &a)
		}
		if err == nil {
			a.program = r.Header.Get("X-Interlude-Program")
			a.turn, err = strconv.ParseInt(r.Header.Get("X-Interlude-Turn"), 10, 64)
			return a, err
		}
		var refused *openai.Error
		if errors.As(err, &refused) && refused.Response != nil && refused.Response.Header.Get("X-Should-Retry") == "false" || errors.Is(err, errCut) || ctx.Err() != nil {
			return a, err
		}
	}
	return a, err
}

// errCut is what must not be.
var errCut = errors.New("the stream ended without a finish reason, and without an error")

func (k *dialogue) stream(ctx context.Context, q openai.ChatCompletionNewParams, opts []option.RequestOption, a *httpAnswer) error {
	s := k.client.Chat.Completions.NewStreaming(ctx, q, opts...)
	defer s.Close()
	text, finish := "", ""
	for s.Next() {
		for _, c := range s.Current().Choices {
			text += c.Delta.Content
			finish = cmp.Or(finish, c.FinishReason)
		}
	}
	switch err := s.Err(); {
	case finish != "": // that what follows is missing loses nothing
		a.text, a.finish = text, finish
		return nil
	case err != nil:
		a.begun = append(a.begun, text)
		return err
	}
	return errCut
}

func (k *dialogue) whole(ctx context.Context, q openai.ChatCompletionNewParams, opts []option.RequestOption, a *httpAnswer) error {
	r, err := k.client.Chat.Completions.New(ctx, q, opts...)
	if err != nil {
		return err
	}
	a.text, a.finish = r.Choices[0].Message.Content, r.Choices[0].FinishReason
	return nil
}

// judge compares the dialogue with an undisturbed one.
func (k *dialogue) judge(t *testing.T, calm []string) {
	t.Helper()
	for i, a := range k.answers {
		if a.text != calm[i] {
			t.Errorf("%s request %d: %q, undisturbed %q", k.name, i+1, a.text, calm[i])
		}
		if a.finish != "stop" && a.finish != "length" {
			t.Errorf("%s request %d ended with %q", k.name, i+1, a.finish)
		}
		for _, begun := range a.begun {
			if !strings.HasPrefix(calm[i], begun) {
				t.Errorf("%s request %d: a stream began with %q, undisturbed %q", k.name, i+1, begun, calm[i])
			}
		}
		if a.program != k.answers[0].program {
			t.Errorf("%s request %d is of program %s, the first is of %s", k.name, i+1, a.program, k.answers[0].program)
		}
	}
}

// judgeStored compares what the nodes were asked with what was answered, and counts the turns
// that came to nothing, which a retry made up for.
func judgeStored(ctx context.Context, t *testing.T, b *broker.Server, held []*dialogue) (failed int) {
	t.Helper()
	conn, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, err := sdk.Use(conn)
	if err != nil {
		t.Fatal(err)
	}
	stored := storedTurns(ctx, t, conn, wire.TurnsStream)
	if results := storedTurns(ctx, t, conn, wire.ResultsStream); !maps.EqualFunc(stored, results, slices.Equal) {
		t.Errorf("the turns are %v, their results %v", stored, results)
	}
	for _, k := range held {
		program := k.answers[0].program
		var completed, answers []int64
		for _, turn := range stored[program] {
			if r, err := client.Result(ctx, program, turn); err != nil {
				t.Errorf("%s: %v", program, err)
			} else if r.Outcome == wire.Completed {
				completed = append(completed, turn)
			} else {
				failed++
				t.Logf("%s: turn %d is %s: %v", k.name, turn, r.Outcome, r.Error)
			}
		}
		for _, a := range k.answers {
			answers = append(answers, a.turn)
		}
		if !slices.Equal(completed, answers) {
			t.Errorf("%s: turns %v of %s were completed, %v were answers", k.name, completed, program, answers)
		}
		delete(stored, program)
	}
	for program, turns := range stored {
		t.Errorf("turns %v of %s answer nobody", turns, program)
	}
	return failed
}

// storedTurns are the turns that a stream has, by program; each is there once.
func storedTurns(ctx context.Context, t *testing.T, conn *nats.Conn, stream string) map[string][]int64 {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		t.Fatal(err)
	}
	turns := map[string][]int64{}
	for subject, count := range info.State.Subjects {
		id, _, err := wire.ParseSubject(subject)
		if err != nil || count != 1 {
			t.Errorf("%s is there %d times: %v", subject, count, err)
		}
		turns[id.Program] = append(turns[id.Program], id.Turn)
	}
	for _, of := range turns {
		slices.Sort(of)
	}
	return turns
}
