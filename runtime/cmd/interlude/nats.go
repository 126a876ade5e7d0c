package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/broker"
)

// natsFlags say which NATS server carries the turns.
type natsFlags struct {
	externalFlags `embed:""`
	Listen        address `help:"Embedded server: where it listens; port 0 takes a free one. Beyond loopback it needs --tenants or --open." placeholder:"HOST:PORT" default:"127.0.0.1:4222" env:"INTERLUDE_LISTEN"`
	Open          bool    `help:"Embedded server: listen beyond loopback without tenants. Whoever reaches the port may use the node and read all answers." env:"INTERLUDE_OPEN"`
	Store         string  `help:"Embedded server: folder of the stored turns and results. Default: in the user's cache." type:"path" placeholder:"DIR" env:"INTERLUDE_STORE"`
	SyncAlways    bool    `help:"Embedded server: flush the disk before a turn is acknowledged, so that accepted turns survive a power failure." env:"INTERLUDE_SYNC_ALWAYS"`
	Tenants       string  `help:"Embedded server: JSON file of the tenants who may connect." type:"path" placeholder:"FILE" env:"INTERLUDE_TENANTS"`
}

// externalFlags name a NATS server that is there already.
type externalFlags struct {
	NATS     string `help:"URL of an external NATS server with JetStream. A node without it runs one inside." placeholder:"URL" name:"nats" env:"INTERLUDE_NATS"`
	Creds    string `help:"External server: credentials file." type:"path" placeholder:"FILE" env:"INTERLUDE_NATS_CREDS"`
	NKey     string `help:"External server: nkey seed file." type:"path" placeholder:"FILE" name:"nkey" env:"INTERLUDE_NATS_NKEY"`
	User     string `help:"External server: user." placeholder:"NAME" env:"INTERLUDE_NATS_USER"`
	Password string `help:"External server: password. Prefer the environment." placeholder:"WORD" env:"INTERLUDE_NATS_PASSWORD"`
	CA       string `help:"External server: CA certificate." type:"path" placeholder:"FILE" name:"tls-ca" env:"INTERLUDE_NATS_CA"`
	Cert     string `help:"External server: client certificate." type:"path" placeholder:"FILE" name:"tls-cert" env:"INTERLUDE_NATS_CERT"`
	Key      string `help:"External server: key of the client certificate." type:"path" placeholder:"FILE" name:"tls-key" env:"INTERLUDE_NATS_KEY"`
}

// dial connects to the external server.
func (f *externalFlags) dial(opts ...nats.Option) (*nats.Conn, error) {
	return broker.Dial(broker.External{
		URL: f.NATS, Credentials: f.Creds, NKeySeed: f.NKey, User: f.User, Password: f.Password, CA: f.CA, Cert: f.Cert, Key: f.Key,
	}, opts...)
}

// check refuses flags that would be without effect on the server that is meant.
func (f *natsFlags) check() error {
	for _, flag := range []struct {
		name     string
		set      bool
		external bool // the server that it is for
	}{
		{"--creds", f.Creds != "", true},
		{"--nkey", f.NKey != "", true},
		{"--user", f.User != "", true},
		{"--password", f.Password != "", true},
		{"--tls-ca", f.CA != "", true},
		{"--tls-cert", f.Cert != "", true},
		{"--tls-key", f.Key != "", true},
		{"--open", f.Open, false},
		{"--sync-always", f.SyncAlways, false},
		{"--tenants", f.Tenants != "", false},
	} {
		external := f.NATS != ""
		switch {
		case !flag.set || flag.external == external:
		case flag.external:
			return fmt.Errorf("%s is for an external server: give its URL with --nats", flag.name)
		default:
			return fmt.Errorf("%s is for the embedded server: set it up on the server of --nats itself", flag.name)
		}
	}
	return nil
}

// connect connects to the external server, or starts the embedded one first;
// server is nil then. url is where clients connect.
func (f *natsFlags) connect(log *slog.Logger) (server *broker.Server, conn *nats.Conn, url string, err error) {
	if f.NATS != "" {
		conn, err = f.dial()
		return nil, conn, f.NATS, err
	}
	cfg := broker.Config{
		StoreDir: f.Store, Host: f.Listen.host, Port: f.Listen.port,
		Open: f.Open, SyncAlways: f.SyncAlways, Log: log,
	}
	if cfg.Port == 0 {
		cfg.Port = broker.RandomPort
	}
	if cfg.StoreDir == "" {
		if cfg.StoreDir, err = defaultStore(); err != nil {
			return nil, nil, "", err
		}
	}
	if f.Tenants != "" {
		if cfg.Tenants, err = broker.ReadTenants(f.Tenants); err != nil {
			return nil, nil, "", err
		}
	}
	if server, err = broker.Start(cfg); err != nil {
		return nil, nil, "", err
	}
	if conn, err = server.Connect(); err != nil {
		server.Shutdown()
		return nil, nil, "", err
	}
	return server, conn, server.URL(), nil
}

func defaultStore() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("--store is needed: %w", err)
	}
	return filepath.Join(dir, "interlude", "store"), nil
}

// address is where a server listens; port 0 is any that is free.
type address struct {
	host string
	port int
}

var anyLoopback = address{"127.0.0.1", 0}

// UnmarshalText reads HOST:PORT.
func (a *address) UnmarshalText(text []byte) error {
	host, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%q is no address; write HOST:PORT", text)
	}
	if host == "" {
		return errors.New("an address without a host: write 0.0.0.0:" + port + " for all interfaces")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%q: the port is no number from 0 to 65535", text)
	}
	*a = address{host, int(n)}
	return nil
}
