package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/interlude-run/interlude/sdk/wire"
)

type serveCmd struct {
	engineFlags `embed:""`
	natsFlags   `embed:""`
	nodeFlags   `embed:""`
	httpFlags   `embed:""`
	LogLevel    string        `help:"What is logged to stderr: ${enum}." enum:"debug,info,warn,error" default:"info" env:"INTERLUDE_LOG_LEVEL"`
	LogFormat   string        `help:"How: ${enum}." enum:"text,json" default:"text" env:"INTERLUDE_LOG_FORMAT"`
	JSON        bool          `help:"When all is served, print where as one JSON object." name:"json" env:"INTERLUDE_JSON"`
	StatsEvery  time.Duration `help:"How often counters are logged while something happens; 0: never." default:"1m" env:"INTERLUDE_STATS_EVERY"`
}

// Validate is called by kong.
func (c *serveCmd) Validate() error {
	if err := c.natsFlags.check(); err != nil {
		return err
	}
	return c.nodeFlags.check()
}

// Run serves until it is interrupted, then drains.
func (c *serveCmd) Run(ctx context.Context) error {
	log, err := newLogger(c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	o, err := c.obtain(ctx)
	if err != nil {
		return err
	}
	h, err := openHost(ctx, o, hostConfig{c.engineFlags, c.natsFlags, c.nodeFlags, log})
	if err != nil {
		return err
	}
	defer h.close()
	front, err := c.httpFlags.open(ctx, h.conn, modelName(o.model.Path), c.MaxAge, log)
	if err != nil {
		return err
	}
	if err := c.announce(h, o, front); err != nil {
		return err
	}
	go c.reportStats(ctx, h, log)
	stopDraining := context.AfterFunc(ctx, front.drain)
	err = h.run(ctx)
	stopDraining()
	err = errors.Join(err, front.close(time.Second)) // what has its answer is written; what waits is told to come again
	if ctx.Err() != nil && err == nil {
		log.Info("drained", "stats", h.node.Stats())
	}
	return err
}

// modelName is the name that a model's file gives it.
func modelName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".gguf")
}

// listening is where turns are taken.
type listening struct {
	NATS  string `json:"nats"`
	HTTP  string `json:"http,omitempty"` // the base of the URLs that agents are given
	Model string `json:"model,omitempty"`
}

// announce says it, to a person or a program.
func (c *serveCmd) announce(h *host, o *obtained, f *front) error {
	if c.JSON {
		return printLine(listening{h.url, f.base(), modelName(o.model.Path)})
	}
	c.greet(h, o, f)
	return nil
}

// greet says what runs and how to use it.
func (c *serveCmd) greet(h *host, o *obtained, front *front) {
	g := h.engine.Geometry()
	fmt.Fprintf(os.Stderr, `engine   %s, %d threads, libraries from %s
model    %s
weights  %s, %.0f MiB, and %.0f MiB at most to compute with
context  up to %d tokens
cache    %.2f GiB of KV: %d tokens of %.1f KiB
policy   %s
waits    %s
turns    %s
`, h.engine.Device(), h.engine.Threads(), o.engine.Dir, o.model.Path,
		h.engine.Storage(), float64(h.engine.WeightBytes())/(1<<20), float64(h.engine.ScratchBytes())/(1<<20), g.MaxContext,
		float64(g.PoolBytes)/(1<<30), g.PoolBytes/g.CellBytes, float64(g.CellBytes)/1024, c.Policy, &c.waitFlags, h.url)
	front.greet(c.HTTPKeys != "")
	fmt.Fprintf(os.Stderr, `
Send a turn with the NATS command line, and read its answer when it is there:

  nats %[1]s request interlude.v1.%[2]s.submit.hello.1 '{"v":1,"messages":[{"role":"user","content":"What is the capital of France?"}],"sampling":{"max_tokens":32}}'
  nats %[1]s request interlude.v1.%[2]s.read.hello.1 ''

The first replies {"v":1,"accepted":…} as soon as the turn is stored, the second
{"v":1,"result":{…,"outcome":"completed","text":…}}. Ctrl-C drains: running turns
end, waiting ones stay stored. Twice ends at once.
`, c.natsOptions(h.url), c.exampleTenant())
}

// natsOptions are what the NATS command line needs to send turns here.
func (c *serveCmd) natsOptions(url string) string {
	switch {
	case c.Tenants != "":
		return fmt.Sprintf("-s %s --user USER --password PASSWORD --inbox-prefix %s", url, wire.InboxPrefix(c.exampleTenant()))
	case c.Creds != "":
		return fmt.Sprintf("-s %s --creds %s", url, c.Creds)
	default:
		return "-s " + url
	}
}

func (c *serveCmd) exampleTenant() string {
	if c.Tenants != "" {
		return "TENANT"
	}
	return "default"
}

// reportStats logs the node's counters while they change.
func (c *serveCmd) reportStats(ctx context.Context, h *host, log *slog.Logger) {
	if c.StatsEvery <= 0 {
		return
	}
	tick := time.NewTicker(c.StatsEvery)
	defer tick.Stop()
	last := h.node.Stats()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s := h.node.Stats(); s != last {
				log.Info("stats", "stats", s)
				last = s
			}
		}
	}
}

func newLogger(level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
}
