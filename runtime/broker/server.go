package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Config says how to run an embedded server.
type Config struct {
	StoreDir   string   // of the streams; made when it is missing; one server at a time
	Host       string   // to listen on; empty: 127.0.0.1
	Port       int      // 0: 4222; RandomPort: one that is free; NoPort: this process only
	Tenants    []Tenant // who may connect over TCP; nil: anybody who can reach the port
	Open       bool     // listen beyond loopback without tenants
	SyncAlways bool     // flush the disk before acknowledging
	MaxPayload int32    // bytes of one message; 0: 8 MiB
	Log        *slog.Logger
}

// Values for Config.Port.
const (
	RandomPort = -1
	NoPort     = -2
)

const (
	syncInterval   = time.Second      // without SyncAlways: what a power failure may take with it
	startupTimeout = 30 * time.Second // recovering large streams takes time
	ownUser        = "interlude"      // of the process's own connections; not reachable over TCP without the password
)

// Errors that callers branch on.
var (
	ErrStoreLocked = errors.New("another server uses the store")
	ErrListen      = errors.New("cannot listen")
)

// Server is a running embedded server. Any goroutine may use it.
type Server struct {
	nats     *server.Server
	lock     *lock
	password string // of ownUser
}

// Start runs a server. When it returns, clients can connect. An error says which
// setting to change; ErrStoreLocked and ErrListen come wrapped.
func Start(cfg Config) (*Server, error) {
	options, err := cfg.options()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the store of the NATS server: %w", err)
	}
	lock, err := takeLock(cfg.StoreDir)
	if err != nil {
		return nil, err
	}
	s := &Server{lock: lock, password: rand.Text()}
	if len(cfg.Tenants) > 0 {
		options.Users = append(options.Users, &server.User{Username: ownUser, Password: s.password})
	}
	if s.nats, err = server.NewServer(options); err != nil {
		lock.release()
		return nil, fmt.Errorf("configure the NATS server: %w", err)
	}
	log := newLog(cfg.Log)
	s.nats.SetLoggerV2(log, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.nats.Start()
	}()
	if err := s.awaitReady(log, started); err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

// awaitReady returns when clients can connect, or with the reason why they never
// will: the server's own start reports that to its log alone.
func (s *Server) awaitReady(log *serverLog, started <-chan struct{}) error {
	deadline := time.After(startupTimeout)
	ready := make(chan bool, 1)
	go func() { ready <- s.nats.ReadyForConnections(startupTimeout) }()
	select {
	case err := <-log.fatal:
		return err
	case <-deadline:
		return fmt.Errorf("the NATS server was not ready within %v", startupTimeout)
	case ok := <-ready:
		if !ok {
			return fmt.Errorf("the NATS server was not ready within %v", startupTimeout)
		}
	}
	<-started
	select {
	case err := <-log.fatal:
		return err
	default:
		return nil
	}
}

// URL is where clients connect; empty with NoPort.
func (s *Server) URL() string {
	if s.nats.Addr() == nil {
		return ""
	}
	return s.nats.ClientURL()
}

// Connect makes a connection of this process, without a socket and with all
// rights. The caller closes it.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	all := []nats.Option{
		nats.InProcessServer(s.nats),
		nats.UserInfo(ownUser, s.password),
		nats.Name("interlude node"),
	}
	conn, err := nats.Connect("", append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	return conn, nil
}

// Shutdown stops the server and waits until its store is at rest.
func (s *Server) Shutdown() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	s.lock.release()
}

func (c *Config) options() (*server.Options, error) {
	if c.StoreDir == "" {
		return nil, errors.New("the NATS server needs a directory for its store")
	}
	o := &server.Options{
		ServerName:   "interlude",
		Host:         c.Host,
		Port:         c.Port,
		DontListen:   c.Port == NoPort,
		JetStream:    true,
		StoreDir:     c.StoreDir,
		SyncAlways:   c.SyncAlways,
		SyncInterval: syncInterval,
		MaxPayload:   c.MaxPayload,
		NoSigs:       true,
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	switch c.Port {
	case 0:
		o.Port = server.DEFAULT_PORT
	case RandomPort, NoPort:
		o.Port = server.RANDOM_PORT
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = 8 << 20
	}
	if len(c.Tenants) == 0 && !c.Open && !o.DontListen && !isLoopback(o.Host) {
		return nil, fmt.Errorf("the NATS server would be open to everybody who reaches %s: give it tenants, or say that it shall be open", o.Host)
	}
	for _, t := range c.Tenants {
		if err := t.addTo(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
