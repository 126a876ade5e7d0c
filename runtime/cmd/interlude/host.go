package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/runtime/recall"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// nodeFlags say how turns are served.
type nodeFlags struct {
	MaxQueue      int           `help:"Turns accepted and not finished; beyond it, or when a tenant leaves too little room for others, clients are told to come again." default:"${turns}" env:"INTERLUDE_MAX_QUEUE"`
	MaxRunning    int           `help:"Turns that run at once; no more than --max-step." default:"${running}" env:"INTERLUDE_MAX_RUNNING"`
	MaxWaiting    int           `help:"Turns that this node takes and has not answered, waiting ones among them; the scheduler sees them all. What a node has taken is not another's: several nodes share the work better with fewer." default:"${turns}" env:"INTERLUDE_MAX_WAITING"`
	ReadyPrompts  byteSize      `help:"Memory for prompts that are kept ready while their turns wait; others are made once more when their turns are admitted." default:"256MiB" name:"ready-prompt-bytes" env:"INTERLUDE_READY_PROMPT_BYTES"`
	MaxTokens     int           `help:"Longest answer of a turn that does not say." default:"1024" env:"INTERLUDE_MAX_TOKENS"`
	MaxAge        time.Duration `help:"How long turns and results are kept." default:"168h" env:"INTERLUDE_MAX_AGE"`
	AckWait       time.Duration `help:"A node unheard of for so long loses its running turns to others." default:"4s" env:"INTERLUDE_ACK_WAIT"`
	WaitLease     time.Duration `help:"And after so long, at most, those that wait; it is 4 ms for each that does, and no less than --ack-wait." default:"2m" env:"INTERLUDE_WAIT_LEASE"`
	Policy        string        `help:"Who is in memory and who waits: ${policies}." default:"interlude" enum:"${policies}" env:"INTERLUDE_POLICY"`
	waitFlags     `embed:""`
	ForgetAfter   time.Duration `help:"How long a program may stay away before it is taken to have ended: its cache is given up, and a later turn of it is told that it was forgotten. 0: never." default:"${forgetafter}" env:"INTERLUDE_FORGET_AFTER"`
	HostKV        byteSize      `help:"Memory for copies of caches that give way to others; they come back sooner than they are computed. 0: none." default:"0" name:"host-kv-bytes" env:"INTERLUDE_HOST_KV_BYTES"`
	DiskKV        byteSize      `help:"And beyond that on disk; wants --host-kv-bytes. 0: none." default:"0" name:"disk-kv-bytes" env:"INTERLUDE_DISK_KV_BYTES"`
	DiskKVDir     string        `help:"Folder for that, on a fast disk; it is gone with the process. Default: the one for temporary files." name:"disk-kv-dir" type:"path" placeholder:"DIR" env:"INTERLUDE_DISK_KV_DIR"`
	TenantWeights tenantWeights `help:"Parts that tenants have of the cache and its tiers, of steps, places and promises, where they compete for them, as NAME=WEIGHT,…; those not named have weight 1." name:"tenant-weights" placeholder:"NAME=W,..." env:"INTERLUDE_TENANT_WEIGHTS"`
	TenantQuotas  tenantQuotas  `help:"The most memory of the cache that tenants' working sets may have, as NAME=SIZE,…" name:"tenant-kv-bytes" placeholder:"NAME=SIZE,..." env:"INTERLUDE_TENANT_KV_BYTES"`
	EventLog      string        `help:"Write what the scheduler is told to a file, for explain and sim --replay: FILE, FILE.gz, or a folder, in which each start has a file of its own. There is no text of prompts or answers in it." placeholder:"FILE" env:"INTERLUDE_EVENT_LOG"`
	StateDir      string        `help:"Folder in which the node keeps what it has learnt, of speeds, tools and programs, so that it does not begin anew when it is started again. Each node wants its own. Default: nothing is kept." name:"state-dir" type:"path" placeholder:"DIR" env:"INTERLUDE_STATE_DIR"`
	Drain         time.Duration `help:"How long running turns may go on after the first interrupt." default:"30s" env:"INTERLUDE_DRAIN"`
}

// forgetAfter is the node's setting.
func (f *nodeFlags) forgetAfter() time.Duration {
	if f.ForgetAfter == 0 {
		return node.Never
	}
	return f.ForgetAfter
}

// host is a node with all that it runs on.
type host struct {
	engine *gpu.Engine
	broker *broker.Server // nil with an external server
	conn   *nats.Conn
	turns  *turns.Server
	node   *node.Node
	jobs   *jobs
	log    *eventlog.Writer // nil without --event-log
	state  *recall.Dir      // nil without --state-dir
	url    string           // where clients connect
}

// hostConfig is what openHost opens.
type hostConfig struct {
	engineFlags
	natsFlags
	nodeFlags
	log *slog.Logger
}

// openHost opens everything; what is open already is closed again on an error.
func openHost(ctx context.Context, o *obtained, c hostConfig) (*host, error) {
	return openHostWith(ctx, o, c, func(*node.Config) {})
}

// openHostWith lets adjust change the node's configuration.
func openHostWith(ctx context.Context, o *obtained, c hostConfig, adjust func(*node.Config)) (_ *host, err error) {
	h := &host{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	raisePriority()
	if h.engine, err = c.engineFlags.open(o); err != nil {
		return nil, err
	}
	if h.broker, h.conn, h.url, err = c.natsFlags.connect(c.log); err != nil {
		return nil, err
	}
	vocab := h.engine.Vocab()
	template, err := chat.Compile(vocab.ChatTemplate(), vocab)
	if err != nil {
		return nil, err
	}
	name := nodeName()
	if h.turns, err = turns.New(ctx, h.conn, turns.Config{
		Node: name, MaxQueued: c.MaxQueue, MaxJobs: c.MaxWaiting, MaxAge: c.MaxAge, AckWait: c.AckWait, WaitLease: c.WaitLease,
		Weights: c.TenantWeights, Pace: func() time.Duration { return h.node.Pace() }, Signals: signalsTo{h}, Counter: countsBy{h}, Looks: looksAt{h, modelName(o.model.Path)}, Log: c.log,
	}); err != nil {
		return nil, err
	}
	h.jobs = newJobs()
	cfg := node.Config{
		Name: name, Engine: h.engine, Template: template, Vocabulary: vocab, Turns: h.jobs,
		MaxRunning: min(c.MaxRunning, h.engine.Geometry().MaxStep), MaxTurns: c.MaxWaiting, ReadyBytes: int(c.ReadyPrompts),
		MaxTokens: c.MaxTokens, Grace: c.Drain, Log: c.log,
		Policy: c.Policy, Guard: c.guard(), ForgetAfter: c.forgetAfter(), HostBytes: int64(c.HostKV), DiskBytes: int64(c.DiskKV), DiskDir: c.DiskKVDir,
		Shares: shares(c.TenantWeights, c.TenantQuotas),
	}
	if c.StateDir != "" {
		if err = h.remember(ctx, o, &c.engineFlags, c.StateDir, &cfg); err != nil {
			return nil, err
		}
	}
	adjust(&cfg)
	if c.EventLog != "" {
		h.logged(&cfg)
	}
	if h.node, err = node.New(cfg); err != nil {
		return nil, err
	}
	log := ""
	if c.EventLog != "" {
		if log, err = h.openLog(c.EventLog, cfg.Policy, name, c.log); err != nil {
			return nil, err
		}
	}
	if h.state != nil {
		err = h.state.Begin(log)
	}
	return h, err
}

// ownNode has a node of its own, which keeps nothing beyond it, run while use does.
func (f engineFlags) ownNode(ctx context.Context, o *obtained, level string, maxTokens int, use func(context.Context, *host, *sdk.Client) error) error {
	log, err := newLogger(level, "text")
	if err != nil {
		return err
	}
	store, err := os.MkdirTemp("", "interlude-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	h, err := openHost(ctx, o, hostConfig{
		engineFlags: f,
		natsFlags:   natsFlags{Listen: anyLoopback, Store: store},
		nodeFlags:   nodeFlags{MaxQueue: 64, MaxTokens: maxTokens, MaxAge: time.Hour, AckWait: 4 * time.Second},
		log:         log,
	})
	if err != nil {
		return err
	}
	defer h.close()
	client, err := sdk.Connect(h.url)
	if err != nil {
		return err
	}
	defer client.Close()
	return during(ctx, h.run, func(ctx context.Context) error { return use(ctx, h, client) })
}

// signalsTo hands signals to the host's node, which is there before the first comes.
type signalsTo struct{ *host }

// Signal implements turns.Signals.
func (h signalsTo) Signal(ctx context.Context, id wire.ID, s *wire.Signal) (*wire.SignalAck, error) {
	return h.node.Signal(ctx, id, s)
}

// countsBy has the host's node count tokens.
type countsBy struct{ *host }

// Count implements turns.Counter.
func (h countsBy) Count(ctx context.Context, t *wire.Turn, before func(context.Context) ([]wire.Exchange, error)) (int, error) {
	return h.node.Count(ctx, t, func(ctx context.Context) (iter.Seq2[*wire.Turn, *wire.Result], error) { return sequence(before(ctx)) })
}

// looksAt tells of the host's programs, and which model it computes with.
type looksAt struct {
	*host
	model string
}

// Programs implements turns.Looks.
func (h looksAt) Programs(ctx context.Context, tenant string) (*wire.Programs, error) {
	told, err := h.node.Programs(ctx, tenant)
	if told != nil {
		told.Model = h.model
	}
	return told, err
}

// nodeName tells this node from others in results: the machine's name and a
// random part.
func nodeName() string {
	machine, err := os.Hostname()
	if err != nil {
		machine = "node"
	}
	return machine + "-" + rand.Text()[:6]
}

// run serves until ctx ends and all is drained.
func (h *host) run(ctx context.Context) error {
	served := make(chan error, 1)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { served <- h.turns.Run(serving, h.jobs) }()
	nodeErr := h.node.Run(ctx)
	h.jobs.close()
	stop()
	return errors.Join(nodeErr, <-served)
}

func (h *host) close() {
	if h.log != nil {
		h.log.Close() // why it is not whole was said when it happened
	}
	if h.state != nil {
		h.state.Close()
	}
	if h.conn != nil {
		h.conn.Close()
	}
	if h.broker != nil {
		h.broker.Shutdown()
	}
	if h.engine != nil {
		h.engine.Close()
	}
}

// during serves while use runs, and returns what use returns, or why serve ended
// before it.
func during(ctx context.Context, serve, use func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := serve(ctx); err != nil {
			stop(fmt.Errorf("the node stopped: %w", err))
		}
	}()
	err := use(ctx)
	stop(nil)
	<-served
	if cause := context.Cause(ctx); err != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
