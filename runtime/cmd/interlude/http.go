package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/gateway"
	"github.com/interlude-run/interlude/sdk"
)

// httpFlags say who may ask over HTTP.
type httpFlags struct {
	HTTP     httpAddress `help:"Where the OpenAI and Anthropic APIs are served; none: nowhere. Beyond loopback it needs --http-keys or --http-open." placeholder:"HOST:PORT" default:"127.0.0.1:8080" name:"http" env:"INTERLUDE_HTTP"`
	HTTPKeys string      `help:"JSON file of the keys that may ask, hashed, and of their tenants." type:"path" placeholder:"FILE" name:"http-keys" env:"INTERLUDE_HTTP_KEYS"`
	HTTPOpen bool        `help:"Serve HTTP beyond loopback without keys: whoever reaches the port may use the node." name:"http-open" env:"INTERLUDE_HTTP_OPEN"`
	Origins  []string    `help:"Web origins whose pages may ask, such as https://example.com; * is all. Default: none." placeholder:"ORIGIN" name:"http-origin" env:"INTERLUDE_HTTP_ORIGIN"`
	Hosts    []string    `help:"Names that the gateway is reached by, beside localhost and addresses; * is any." placeholder:"NAME" name:"http-host" env:"INTERLUDE_HTTP_HOST"`
	Reuse    string      `help:"Which computed context requests may have that do not say: off, exact, or approximate, which also moves what stands behind an edit, or what other programs of the tenant have read." enum:"off,exact,approximate" default:"exact" name:"http-reuse" env:"INTERLUDE_HTTP_REUSE"`
	Served   string      `help:"Name that the model is offered under. Default: that of its file." placeholder:"NAME" name:"served-model-name" env:"INTERLUDE_SERVED_MODEL_NAME"`
}

// httpAddress is an address, or none.
type httpAddress struct {
	address
	none bool
}

// UnmarshalText reads HOST:PORT or none.
func (a *httpAddress) UnmarshalText(text []byte) error {
	if a.none = string(text) == "none"; a.none {
		return nil
	}
	return a.address.UnmarshalText(text)
}

func (a httpAddress) String() string { return net.JoinHostPort(a.host, strconv.Itoa(a.port)) }

// front is the gateway and the HTTP server that it is behind.
type front struct {
	gateway *gateway.Gateway
	server  *http.Server
	url     string
	served  chan error
}

// The bounds of a connection: what a client may take for its request, and how long one stays
// without any. What an answer may take is bounded by the gateway.
const (
	headerTime = 10 * time.Second
	bodyTime   = time.Minute
	idleTime   = 2 * time.Minute
	headerSize = 64 << 10
)

// open begins to serve; nil where nothing is to be served.
func (f *httpFlags) open(ctx context.Context, conn *nats.Conn, model string, keep time.Duration, log *slog.Logger) (*front, error) {
	if f.HTTP.none {
		return nil, nil
	}
	var keys *gateway.Keys
	if f.HTTPKeys != "" {
		var err error
		if keys, err = gateway.ReadKeys(f.HTTPKeys); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", f.HTTP.String())
	if err != nil {
		return nil, fmt.Errorf("serve HTTP: %w; choose another address with --http, or --http none", err)
	}
	if a := listener.Addr().(*net.TCPAddr); keys == nil && !f.HTTPOpen && !a.IP.IsLoopback() {
		listener.Close()
		return nil, misused(fmt.Errorf("serve HTTP on %v, which others can reach: say who may ask with --http-keys, or that everybody may with --http-open", a))
	}
	if f.Served != "" {
		model = f.Served
	}
	g, err := gateway.New(ctx, gateway.Config{Conn: conn, Model: model, Keys: keys, Keep: keep, Log: log, Reuse: sdk.Reuse(f.Reuse), Origins: f.Origins, Hosts: f.Hosts})
	if err != nil {
		listener.Close()
		return nil, err
	}
	front := &front{
		gateway: g, url: "http://" + listener.Addr().String(), served: make(chan error, 1),
		server: &http.Server{
			Handler: g, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, IdleTimeout: idleTime, MaxHeaderBytes: headerSize,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}
	go func() {
		if err := front.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			front.served <- err
		}
		close(front.served)
	}()
	return front, nil
}

// base is where it is served; "" is nowhere.
func (f *front) base() string {
	if f == nil {
		return ""
	}
	return f.url
}

// greet prints what points an agent here.
func (f *front) greet(keys bool) {
	if f == nil {
		return
	}
	key := "none"
	if keys {
		key = "YOUR-KEY"
	}
	fmt.Fprintf(os.Stderr, `
Point an agent here, unchanged:

  export OPENAI_BASE_URL=%[1]s/v1 OPENAI_API_KEY=%[2]s       # Chat Completions, Responses
  export ANTHROPIC_BASE_URL=%[1]s ANTHROPIC_API_KEY=%[2]s    # Messages
`, f.url, key)
}

// drain refuses new requests; those that are under way go on.
func (f *front) drain() {
	if f != nil {
		f.gateway.Drain()
	}
}

// close waits for requests under way for as long as that, and then ends them with an error
// that tells their clients to come again.
func (f *front) close(patience time.Duration) error {
	if f == nil {
		return nil
	}
	f.gateway.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := f.server.Shutdown(ctx)
	f.gateway.Close() // clients hear of it
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if f.server.Shutdown(ctx) != nil {
			_ = f.server.Close()
		}
	}
	return <-f.served
}
