package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/internal/crew"
)

// Config says what a node works with. Engine, Template, Vocabulary and Turns are
// needed; the zero value of what follows is its default.
type Config struct {
	Name       string // in results, so that one can tell who answered
	Engine     Engine
	Template   *chat.Template
	Vocabulary chat.Tokenizer // the template's
	Turns      Turns

	StepTokens  int           // most tokens of a step; 0: the engine's MaxStep
	MaxRunning  int           // most turns that run at once; 0: core.DefaultRunning, or StepTokens if that is less
	MaxTurns    int           // most turns taken from Turns and not finished; 0: core.DefaultTurns
	ReadyBytes  int           // memory for prompts that are kept ready for turns that wait; 0: 256 MiB
	MaxTokens   int           // most tokens of an answer whose turn does not say; 0: 1024
	ForgetAfter time.Duration // how long a program may stay away before it is taken to have ended; 0: core.DefaultForgetAfter; Never
	TalkBytes   int           // memory for conversations between turns; 0: 256 MiB
	Policy      string        // who is in memory and who waits, by its name in sched.Policies; "": sched.Default
	Guard       *sched.Guard  // bounds on waits, under any policy; nil: sched.DefaultGuard. The zero Guard promises nothing
	FixedSteps  bool          // fill every step with prompt, as published systems do; see core.Config
	HostBytes   int64         // memory for copies of contexts that leave the engine; 0: none
	DiskBytes   int64         // and beyond that on disk, which wants HostBytes; 0: none
	DiskDir     string        // where; "": the folder for temporary files
	Shares      []Share       // of tenants in what they compete for; those not named have weight 1 and no quota
	Grace       time.Duration // for running turns, when the node is to stop; 0: none
	FinishTime  time.Duration // for storing a result; 0: 30 s

	Learnt    *core.Learnt  // what the core begins with; nil: nothing
	Keeper    Keeper        // of what it learns; nil: nothing is kept
	KeepEvery time.Duration // 0: 5 min

	Log *slog.Logger // nil: slog.Default

	// Observe, where it is set, hears of every event of the core and what came
	// of it. It is called by the goroutine that drives the core and must not
	// keep what it gets.
	Observe func(now programs.Time, ev core.Event, effects []core.Effect)
}

// Never, as Config.ForgetAfter, forgets no program that does not say that it has ended.
const Never time.Duration = math.MaxInt64

// Share is a tenant's part of the cache where tenants compete for it: in proportion to
// their weights, but no part larger than its tenant can use, or than its quota. It
// binds policies that know of tenants, the default among them.
type Share struct {
	Tenant  string
	Weight  float64 // more than 0; 0 is 1
	KVBytes int64   // quota; 0 is none
}

// Node serves turns on one engine. See the package documentation.
type Node struct {
	cfg   Config
	talks *talks
	clock clock
	stats stats

	residents *residents
	preparers *crew.Crew[errand] // make prompts
	enders    *crew.Crew[errand] // bring turns to their end that were never started
	serving   sync.WaitGroup     // of the goroutines of those that were

	inbox   chan message
	slots   chan struct{}  // one for each turn taken from Turns
	open    sync.WaitGroup // of these
	stopped chan struct{}  // closed when the loop is no more
	served  chan struct{}  // closed when no turn is left and none will come
}

// New makes a node. It touches neither the engine nor the turns.
func New(cfg Config) (*Node, error) {
	if cfg.Engine == nil || cfg.Template == nil || cfg.Vocabulary == nil || cfg.Turns == nil {
		return nil, errors.New("node: Engine, Template, Vocabulary and Turns must be set")
	}
	g := cfg.Engine.Geometry()
	cfg.StepTokens = otherwise(cfg.StepTokens, g.MaxStep)
	cfg.MaxRunning = otherwise(cfg.MaxRunning, min(core.DefaultRunning, cfg.StepTokens))
	cfg.MaxTurns = otherwise(cfg.MaxTurns, core.DefaultTurns)
	cfg.MaxTokens = otherwise(cfg.MaxTokens, 1024)
	cfg.ForgetAfter = otherwise(cfg.ForgetAfter, time.Duration(core.DefaultForgetAfter))
	cfg.TalkBytes = otherwise(cfg.TalkBytes, 256<<20)
	cfg.ReadyBytes = otherwise(cfg.ReadyBytes, 256<<20)
	cfg.FinishTime = otherwise(cfg.FinishTime, 30*time.Second)
	cfg.KeepEvery = otherwise(cfg.KeepEvery, 5*time.Minute)
	cfg.Log = otherwise(cfg.Log, slog.Default())
	cfg.Policy = otherwise(cfg.Policy, sched.Default)
	cfg.Guard = otherwise(cfg.Guard, &sched.DefaultGuard)
	switch {
	case cfg.StepTokens < 1 || cfg.StepTokens > g.MaxStep:
		return nil, fmt.Errorf("node: StepTokens is %d; it must be from 1 to %d, the engine's largest step", cfg.StepTokens, g.MaxStep)
	case cfg.MaxTurns < 1 || cfg.MaxTokens < 1 || cfg.TalkBytes < 0 || cfg.ReadyBytes < 0 || cfg.Grace < 0 || cfg.ForgetAfter < 0 || cfg.FinishTime < 0 || cfg.KeepEvery < 0:
		return nil, errors.New("node: a limit or a time is negative")
	case cfg.HostBytes < 0 || cfg.DiskBytes < 0 || cfg.DiskBytes > 0 && cfg.HostBytes == 0:
		return nil, fmt.Errorf("node: HostBytes is %d and DiskBytes %d; neither is below 0, and copies go to disk from the host", cfg.HostBytes, cfg.DiskBytes)
	}
	for _, s := range cfg.Shares {
		if !(s.Weight >= 0) || math.IsInf(s.Weight, 1) || s.KVBytes < 0 {
			return nil, fmt.Errorf("node: the share of tenant %q has weight %v and %d bytes; a weight is above 0, a quota not below", s.Tenant, s.Weight, s.KVBytes)
		}
	}
	n := &Node{
		cfg:       cfg,
		talks:     newTalks(cfg.TalkBytes),
		residents: newResidents(),
		clock:     newClock(),
		inbox:     make(chan message),
		slots:     make(chan struct{}, cfg.MaxTurns),
		stopped:   make(chan struct{}),
		served:    make(chan struct{}),
	}
	n.stats.pool.Store(g.PoolBytes)
	if _, err := n.machine(); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return n, nil
}

func otherwise[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}

func (n *Node) machine() (*core.Machine, error) {
	policy, err := sched.ByName(n.cfg.Policy)
	if err != nil {
		return nil, err
	}
	cfg := n.Core()
	cfg.Policy = policy.New
	return core.New(cfg)
}

// Core is what the node's core is made of, but for the policy, which Config names: for
// whoever is to make the same again.
func (n *Node) Core() core.Config {
	g := n.cfg.Engine.Geometry()
	forgetAfter := programs.Duration(n.cfg.ForgetAfter)
	if n.cfg.ForgetAfter == Never {
		forgetAfter = 0
	}
	return core.Config{
		Geometry:    geometry(g),
		MaxContext:  programs.Tokens(g.MaxContext),
		StepTokens:  programs.Tokens(n.cfg.StepTokens),
		Tile:        programs.Tokens(g.Tile),
		MaxRunning:  n.cfg.MaxRunning,
		ForgetAfter: forgetAfter,
		Guard:       *n.cfg.Guard,
		FixedSteps:  n.cfg.FixedSteps,
		Host:        programs.Bytes(n.cfg.HostBytes),
		Disk:        programs.Bytes(n.cfg.DiskBytes),
		Shares:      shares(n.cfg.Shares, g.CellBytes),
		Learnt:      n.cfg.Learnt,
	}
}

// shares are the tenants' as the scheduler counts them, in cells.
func shares(of []Share, cellBytes int64) map[programs.TenantID]sched.Share {
	by := make(map[programs.TenantID]sched.Share, len(of))
	for _, s := range of {
		by[programs.TenantID(s.Tenant)] = sched.Share{Weight: s.Weight, Quota: programs.Tokens((s.KVBytes + cellBytes - 1) / cellBytes)}
	}
	return by
}

// geometry is what the ledger needs to know of the engine.
func geometry(g engine.Geometry) kvpin.Geometry {
	return kvpin.Geometry{
		CellBytes: programs.Bytes(g.CellBytes),
		Granule:   programs.Tokens(g.Granule),
		Span:      programs.Tokens(g.Span),
		PoolBytes: programs.Bytes(g.PoolBytes),
	}
}

// Run serves turns until ctx ends, and is called once. When ctx ends it takes no
// more turns, hands back those that wait, lets those that run go on for the grace
// period, hands back what is then left, and returns nil. When the engine or Turns
// fails it hands back everything and returns the error; the process should end.
func (n *Node) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	machine, err := n.machine()
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	g := n.cfg.Guard
	n.cfg.Log.Info("the node serves", "policy", n.cfg.Policy, "max_wait", g.Bound[programs.Interactive].String(),
		"max_wait_background", g.Bound[programs.Background].String(), "shed", g.Shed)
	device := newDevice(n.cfg.Engine)
	var goroutines sync.WaitGroup
	var below *disk
	if n.cfg.DiskBytes > 0 {
		if below, err = openDisk(n.cfg.DiskDir, packerOf(n.cfg.Engine), n.cfg.Log); err != nil {
			return fmt.Errorf("node: %w", err)
		}
		below.moved, below.quit = device.moved, device.quit
		goroutines.Go(below.run)
	}
	goroutines.Go(device.run)
	n.hire(ctx)
	goroutines.Go(func() {
		defer close(n.served)
		if err := n.intake(ctx); err != nil {
			stop(err)
		}
	})

	l := newLoop(ctx, n, machine, device, below)
	err = l.run()
	l.abandon()
	close(n.stopped)
	if err != nil {
		n.cfg.Log.Error("the node stops: every turn is handed back", "error", err)
		stop(err)
	}
	device.stop()
	if below != nil {
		below.stop()
	}
	l.keeping.stop(machine, err == nil)
	goroutines.Wait()
	if cause := context.Cause(ctx); err == nil && errors.As(cause, new(turnsError)) {
		err = cause
	}
	return err
}

// Pace is about in what time one fewer turn waits for its first token: what the engine takes
// for one of them, on average. 0 is not known.
func (n *Node) Pace() time.Duration { return time.Duration(n.stats.pace.Load()) }

// turnsError is the failure of Turns.
type turnsError struct{ error }

func (e turnsError) Unwrap() error { return e.error }

// intake takes turns and has them prepared, as many as there are slots. It returns when
// ctx has ended, or Turns has failed, and every turn is finished or handed back.
func (n *Node) intake(ctx context.Context) error {
	defer func() {
		n.open.Wait()
		n.serving.Wait()
		n.preparers.Wait()
		n.enders.Wait()
	}()
	for {
		select {
		case n.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		job, err := n.cfg.Turns.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return turnsError{fmt.Errorf("take a turn: %w", err)}
		}
		n.take(job)
	}
}
