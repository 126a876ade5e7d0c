package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/cmd/interlude/internal/replay"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/sdk"
)

type benchGatewayCmd struct {
	Model   string `help:"GGUF model; see serve." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
	Threads int    `help:"Compute threads; 0: one per processor." default:"0"`
	Traces  string `help:"Folder with text/swebench-mini-text.jsonl.gz, recorded runs; where there is none, runs are made from a source tree." placeholder:"DIR" type:"path" env:"INTERLUDE_TRACES"`
	Dir     string `help:"Source tree whose text fills runs that come without." type:"existingdir" default:"."`
	Quick   bool   `help:"Fewer turns, each measurement once: within 50 s on two quiet cores."`
	JSON    bool   `help:"Print one JSON object." name:"json"`
}

// Help implements kong.HelpProvider.
func (*benchGatewayCmd) Help() string {
	return `Measures what the HTTP gateway adds to a node, in one process with an embedded NATS server; clients speak HTTP over loopback, keep their connections, and stream.

The overhead is the time to the first content of a warm turn over HTTP, the whole conversation sent each time, less that of the same turn by the sdk, which names its program, says only what is new and is in the node's process. Pairs of turns take turns to be first. Where the machine has other work, the same without the engine's steps tells more; what the gateway takes from steps that run at the same time is not in it.

The reuse is of conversations that go on four at once, on a node that computes the same bits whatever runs beside: tokens of prompts that clients who name no session did not have computed again, over those of the sdk on a node of its own. Every second answer calls a tool; clients send back what they heard with texts trimmed, null for no text and arguments with other spaces and other order.

The streams are of a script in the place of the node, behind the real intake: as many tokens a second, in total, for 8 open streams as for 400. Half of the readers take 16 bytes in 50 ms. The rate is what the others get; the memory is the process's, with the NATS server and all readers in it, while 400 streams are open. Pages of a file are in it, too.`
}

// gatewayReport is all that is measured.
type gatewayReport struct {
	Machine     string `json:"machine"`
	Model       string `json:"model"`
	Threads     int    `json:"threads"`
	Source      string `json:"source"` // of the texts
	Quick       bool   `json:"quick"`
	Repetitions int    `json:"repetitions"` // of the streams

	overheadFigures
	reuseFigures
	streamFigures
}

// gatewayScale is how much is measured.
type gatewayScale struct {
	pairs                int // of warm turns, for the overhead
	conversations, turns int // for the reuse
	repetitions          int // of the streams
	window               time.Duration
}

func (c *benchGatewayCmd) scale() gatewayScale {
	if c.Quick {
		return gatewayScale{pairs: 32, conversations: 4, turns: 5, repetitions: 1, window: 3 * time.Second}
	}
	return gatewayScale{pairs: 120, conversations: 8, turns: 8, repetitions: 3, window: 5 * time.Second}
}

// What a small model takes, in the runs that are recorded or made.
const (
	gatewayChars  = 120
	gatewayTokens = 6
	gatewayTurns  = 12
)

// Run measures the streams first: nothing of a model is in the process's memory then.
func (c *benchGatewayCmd) Run(ctx context.Context) error {
	scale := c.scale()
	if c.Threads == 0 {
		c.Threads = runtime.NumCPU()
	}
	o, err := (&modelFlags{Model: c.Model, Device: "cpu"}).obtain(ctx)
	if err != nil {
		return err
	}
	runs, source, err := (&replayFlags{Traces: c.Traces, Dir: c.Dir, Agents: 16, Turns: gatewayTurns, Chars: gatewayChars, Tokens: gatewayTokens}).runs()
	if err != nil {
		return err
	}
	r := &gatewayReport{
		Machine: fmt.Sprintf("%s/%s with %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Model:   o.model.Name, Threads: c.Threads, Source: source, Quick: c.Quick, Repetitions: scale.repetitions,
	}
	fmt.Fprintln(os.Stderr, "streams")
	if r.streamFigures, err = measureStreams(ctx, scale.repetitions, scale.window); err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	fmt.Fprintln(os.Stderr, "overhead")
	if r.overheadFigures, err = c.measureOverhead(ctx, o, runs, scale.pairs); err != nil {
		return fmt.Errorf("overhead: %w", err)
	}
	fmt.Fprintln(os.Stderr, "reuse")
	if r.reuseFigures, err = c.measureReuse(ctx, o, shortened(runs, scale)); err != nil {
		return fmt.Errorf("reuse: %w", err)
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return r.print(os.Stdout)
}

// shortened takes as many runs and turns as the scale has.
func shortened(runs []replay.Run, s gatewayScale) []replay.Run {
	runs = slices.Clone(runs[:min(len(runs), s.conversations)])
	for i := range runs {
		runs[i].Turns = runs[i].Turns[:min(len(runs[i].Turns), s.turns)]
	}
	return runs
}

// print shows the report to a person.
func (r *gatewayReport) print(out io.Writer) error {
	quick := ""
	if r.Quick {
		quick = ", quick"
	}
	_, err := fmt.Fprintf(out, `%s, %d threads, %s%s; texts %s

overhead   %.1f ms at the median, %.1f ms at p95: to the first content of %d warm turns over HTTP (%.1f ms), less the sdk's (%.1f ms)
           %.1f and %.1f ms without the engine's steps; contexts of up to %d tokens
reuse      %.3f of the sdk's tokens: %d of %d by HTTP, %d of %d by the sdk
           %d turns of %d conversations, four at once; %d calls; %d programs; %d answers are not the sdk's
streams    %.2f of the rate of 8 streams with 400: %.0f and %.0f tokens/s to the readers that keep up, of %.0f that are meant for them
           %d repetitions, ratios of %.2f to %.2f; `,
		r.Model, r.Threads, r.Machine, quick, r.Source,
		r.OverheadP50, r.OverheadP95, r.Pairs, r.HTTPFirst, r.SDKFirst, r.BesideP50, r.BesideP95, r.Longest,
		r.ReuseRatio, r.ReusedHTTP, r.PromptHTTP, r.ReusedSDK, r.PromptSDK,
		r.Turns, r.Conversations, r.Calls, r.Programs, r.Differ,
		r.RateRatio, r.FewRate, r.ManyRate, r.Meant,
		r.Repetitions, r.RateSpread[0], r.RateSpread[1])
	if err != nil {
		return err
	}
	if r.Resident == nil {
		_, err = fmt.Fprintln(out, "this system does not say how much memory is resident")
		return err
	}
	_, err = fmt.Fprintf(out, "%.0f MB resident with 400\n", *r.Resident)
	return err
}

// behindHTTP is a node with a gateway before it.
type behindHTTP struct {
	client *sdk.Client // to the node, in its process
	url    string      // of the gateway
}

// onGateway opens a node, whose configuration adjust may change, and a gateway, and has use talk
// to both once they are warm. When it
// returns all is closed.
func (c *benchGatewayCmd) onGateway(ctx context.Context, o *obtained, deterministic bool, adjust func(*node.Config), use func(context.Context, behindHTTP) error) error {
	store, err := os.MkdirTemp("", "interlude-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	log := benchLog()
	h, err := openHostWith(ctx, o, hostConfig{
		engineFlags: engineFlags{Weights: "auto", KVType: replayKVType, KVBytes: 512 << 20, MaxStep: 512, Threads: c.Threads, Deterministic: deterministic},
		natsFlags:   natsFlags{Listen: anyLoopback, Store: store},
		nodeFlags:   nodeFlags{MaxQueue: 64, MaxTokens: 256, MaxAge: time.Hour, AckWait: 4 * time.Second},
		log:         log,
	}, adjust)
	if err != nil {
		return err
	}
	defer h.close()
	conn, err := h.broker.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := sdk.Use(conn)
	if err != nil {
		return err
	}
	return during(ctx, h.run, func(ctx context.Context) error {
		if err := warmUp(ctx, client); err != nil {
			return err
		}
		return withFront(ctx, h.conn, log, func(url string) error { return use(ctx, behindHTTP{client, url}) })
	})
}

// withFront serves HTTP on loopback while use runs.
func withFront(ctx context.Context, conn *nats.Conn, log *slog.Logger, use func(url string) error) error {
	f, err := (&httpFlags{HTTP: httpAddress{address: anyLoopback}}).open(ctx, conn, "default", time.Hour, log)
	if err != nil {
		return err
	}
	err = use(f.url)
	if closed := f.close(5 * time.Second); err == nil {
		err = closed
	}
	return err
}

func benchLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// keptAlive is a client that keeps as many connections as it opens.
func keptAlive() (client *http.Client, done func()) {
	t := &http.Transport{MaxIdleConnsPerHost: 1024}
	return &http.Client{Transport: t}, t.CloseIdleConnections
}
