package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/chat"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/runtime/turns"
)

// natsFlags say which NATS server carries the turns.
type natsFlags struct {
	NATS       string `help:"URL of an external NATS server with JetStream. Without it, one runs inside the node." placeholder:"URL" name:"nats" env:"INTERLUDE_NATS"`
	Creds      string `help:"External server: credentials file." type:"path" placeholder:"FILE" env:"INTERLUDE_NATS_CREDS"`
	NKey       string `help:"External server: nkey seed file." type:"path" placeholder:"FILE" name:"nkey" env:"INTERLUDE_NATS_NKEY"`
	User       string `help:"External server: user." env:"INTERLUDE_NATS_USER"`
	Password   string `help:"External server: password. Prefer the environment." env:"INTERLUDE_NATS_PASSWORD"`
	CA         string `help:"External server: CA certificate." type:"path" placeholder:"FILE" name:"tls-ca" env:"INTERLUDE_NATS_CA"`
	Cert       string `help:"External server: client certificate." type:"path" placeholder:"FILE" name:"tls-cert" env:"INTERLUDE_NATS_CERT"`
	Key        string `help:"External server: key of the client certificate." type:"path" placeholder:"FILE" name:"tls-key" env:"INTERLUDE_NATS_KEY"`
	Listen     string `help:"Embedded server: address. Beyond loopback it needs --tenants." default:"127.0.0.1:4222" env:"INTERLUDE_LISTEN"`
	Store      string `help:"Embedded server: folder of the stored turns and results. Default: in the user's cache." type:"path" placeholder:"DIR" env:"INTERLUDE_STORE"`
	SyncAlways bool   `help:"Embedded server: flush the disk before a turn is acknowledged, so that accepted turns survive a power failure." env:"INTERLUDE_SYNC_ALWAYS"`
	Tenants    string `help:"Embedded server: JSON file of the tenants who may connect." type:"path" placeholder:"FILE" env:"INTERLUDE_TENANTS"`
}

// nodeFlags say how turns are served.
type nodeFlags struct {
	MaxQueue  int           `help:"Turns accepted and not finished; beyond it clients are told to come again." default:"1024" env:"INTERLUDE_MAX_QUEUE"`
	MaxTokens int           `help:"Longest answer of a turn that does not say." default:"1024" env:"INTERLUDE_MAX_TOKENS"`
	MaxAge    time.Duration `help:"How long turns and results are kept." default:"168h" env:"INTERLUDE_MAX_AGE"`
	AckWait   time.Duration `help:"A node unheard of for so long loses its turns to others." default:"4s" env:"INTERLUDE_ACK_WAIT"`
	Drain     time.Duration `help:"How long running turns may go on after the first interrupt." default:"30s" env:"INTERLUDE_DRAIN"`
}

// host is a node with all that it runs on.
type host struct {
	engine *gpu.Engine
	broker *broker.Server // nil with an external server
	conn   *nats.Conn
	turns  *turns.Server
	node   *node.Node
	jobs   *jobs
	url    string // where clients connect
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
	if err = h.connect(c.natsFlags, c.log); err != nil {
		return nil, err
	}
	vocab := h.engine.Vocab()
	template, err := chat.Compile(vocab.ChatTemplate(), vocab)
	if err != nil {
		return nil, err
	}
	name := nodeName()
	if h.turns, err = turns.New(ctx, h.conn, turns.Config{
		Node: name, MaxQueued: c.MaxQueue, MaxAge: c.MaxAge, AckWait: c.AckWait, Log: c.log,
	}); err != nil {
		return nil, err
	}
	h.jobs = newJobs()
	cfg := node.Config{
		Name: name, Engine: h.engine, Template: template, Vocabulary: vocab, Turns: h.jobs,
		MaxTokens: c.MaxTokens, Grace: c.Drain, Log: c.log,
	}
	adjust(&cfg)
	h.node, err = node.New(cfg)
	return h, err
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

// connect starts the embedded server, or connects to an external one.
func (h *host) connect(f natsFlags, log *slog.Logger) error {
	if f.NATS != "" {
		var err error
		h.url = f.NATS
		h.conn, err = broker.Dial(broker.External{
			URL: f.NATS, Credentials: f.Creds, NKeySeed: f.NKey, User: f.User, Password: f.Password, CA: f.CA, Cert: f.Cert, Key: f.Key,
		})
		return err
	}
	hostname, portText, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; write HOST:PORT", f.Listen, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return fmt.Errorf("--listen %s: the port is no number from 0 to 65535", f.Listen)
	}
	if port == 0 {
		port = broker.RandomPort
	}
	cfg := broker.Config{StoreDir: f.Store, Host: hostname, Port: port, SyncAlways: f.SyncAlways, Log: log}
	if cfg.StoreDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("--store is needed: %w", err)
		}
		cfg.StoreDir = filepath.Join(dir, "interlude", "store")
	}
	if f.Tenants != "" {
		if cfg.Tenants, err = broker.ReadTenants(f.Tenants); err != nil {
			return err
		}
	}
	if h.broker, err = broker.Start(cfg); err != nil {
		return err
	}
	h.url = h.broker.URL()
	h.conn, err = h.broker.Connect()
	return err
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
