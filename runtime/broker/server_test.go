package broker_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/sdk/wire"
)

func start(t *testing.T, cfg broker.Config) *broker.Server {
	t.Helper()
	if cfg.StoreDir == "" {
		cfg.StoreDir = t.TempDir()
	}
	s, err := broker.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

func TestProcessAndClientsMeet(t *testing.T) {
	s := start(t, broker.Config{Port: broker.RandomPort})
	if !strings.Contains(s.URL(), "127.0.0.1") {
		t.Errorf("listens on %s, want loopback", s.URL())
	}
	node, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	client, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := node.Subscribe("ping", func(m *nats.Msg) { m.Respond([]byte("pong")) }); err != nil {
		t.Fatal(err)
	}
	if err := node.Flush(); err != nil {
		t.Fatal(err)
	}
	if m, err := client.Request("ping", nil, 5*time.Second); err != nil || string(m.Data) != "pong" {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestNoPort(t *testing.T) {
	s := start(t, broker.Config{Port: broker.NoPort})
	if s.URL() != "" {
		t.Errorf("listens on %s", s.URL())
	}
}

func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	locked := t.TempDir()
	start(t, broker.Config{StoreDir: locked, Port: broker.RandomPort})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  broker.Config
		is   error
		says string
	}{
		{"port taken", broker.Config{StoreDir: t.TempDir(), Port: taken.Addr().(*net.TCPAddr).Port}, broker.ErrListen, "another port"},
		{"store locked", broker.Config{StoreDir: locked, Port: broker.RandomPort}, broker.ErrStoreLocked, locked},
		{"store is a file", broker.Config{StoreDir: file, Port: broker.RandomPort}, nil, file},
		{"no store", broker.Config{Port: broker.RandomPort}, nil, "directory"},
		{"open to the network", broker.Config{StoreDir: t.TempDir(), Host: "0.0.0.0", Port: broker.RandomPort}, nil, "tenants"},
		{"tenant's name", broker.Config{StoreDir: t.TempDir(), Port: broker.RandomPort, Tenants: []broker.Tenant{{Tenant: "*", Password: "x"}}}, nil, `"*"`},
		{"the node's user", broker.Config{StoreDir: t.TempDir(), Port: broker.RandomPort, Tenants: []broker.Tenant{{Tenant: "interlude", Password: "x"}}}, nil, "user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := broker.Start(c.cfg)
			if err == nil {
				s.Shutdown()
				t.Fatal("started")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.is, c.says)
			}
		})
	}
}

// TestStoreIsFreeAfterShutdown: also after a start that failed.
func TestStoreIsFreeAfterShutdown(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := broker.Start(broker.Config{StoreDir: dir, Port: taken.Addr().(*net.TCPAddr).Port}); err == nil {
		t.Fatal("started on a taken port")
	}
	for range 2 {
		s, err := broker.Start(broker.Config{StoreDir: dir, Port: broker.RandomPort})
		if err != nil {
			t.Fatal(err)
		}
		s.Shutdown()
	}
}

// TestTenantsAreApart asks the server itself, for every kind of subject.
func TestTenantsAreApart(t *testing.T) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, broker.Config{Port: broker.RandomPort, Tenants: []broker.Tenant{
		{Tenant: "acme", Password: "secret"}, {Tenant: "zenith", NKey: public},
	}})
	if _, err := nats.Connect(s.URL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without a password: %v", err)
	}
	if _, err := nats.Connect(s.URL(), nats.UserInfo("interlude", "")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("as the node: %v", err)
	}
	zenith, err := nats.Connect(s.URL(), nats.Nkey(public, pair.Sign))
	if err != nil {
		t.Fatal(err)
	}
	defer zenith.Close()

	refused := make(chan error, 1)
	acme, err := nats.Connect(s.URL(), nats.UserInfo("acme", "secret"),
		nats.CustomInboxPrefix(wire.InboxPrefix("acme")),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer acme.Close()
	own := wire.ID{Tenant: "acme", Program: "p", Turn: 1}
	other := wire.ID{Tenant: "zenith", Program: "p", Turn: 1}
	for subject, may := range map[string]bool{
		own.Subject(wire.KindSubmit):                                           true,
		own.Subject(wire.KindCancel):                                           true,
		own.Subject(wire.KindSignal):                                           true,
		own.Subject(wire.KindRead):                                             true,
		own.Subject(wire.KindTurn):                                             false,
		own.Subject(wire.KindFinish):                                           false,
		own.Subject(wire.KindResult):                                           false,
		own.Subject(wire.KindStream):                                           false,
		other.Subject(wire.KindSubmit):                                         false,
		other.Subject(wire.KindCancel):                                         false,
		other.Subject(wire.KindSignal):                                         false,
		other.Subject(wire.KindRead):                                           false,
		"$JS.API.DIRECT.GET.INTERLUDE_RESULTS." + own.Subject(wire.KindResult): false,
		"$JS.API.STREAM.DELETE.INTERLUDE_TURNS":                                false,
		"$JS.API.STREAM.INFO.INTERLUDE_RESULTS":                                false,
		"$JS.API.STREAM.MSG.GET.INTERLUDE_TURNS":                               false,
	} {
		check(t, acme, refused, "publish on "+subject, may, func() error { return acme.Publish(subject, nil) })
	}
	for subject, may := range map[string]bool{
		own.Subject(wire.KindResult):      true,
		own.Subject(wire.KindStream):      true,
		own.Subject(wire.KindTurn):        true,
		acme.NewInbox():                   true,
		own.Subject(wire.KindSubmit):      false,
		other.Subject(wire.KindResult):    false,
		other.Subject(wire.KindStream):    false,
		wire.AllTurns(wire.KindResult):    false,
		wire.InboxPrefix("zenith") + ".>": false,
		"_INBOX.>":                        false,
		">":                               false,
	} {
		check(t, acme, refused, "subscribe to "+subject, may, func() error {
			_, err := acme.SubscribeSync(subject)
			return err
		})
	}
}

// check does something that the server refuses or not. The server answers in
// order, so the refusal is there when the flush is.
func check(t *testing.T, c *nats.Conn, refused <-chan error, what string, may bool, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if may {
		// A refusal would be handed to the handler by another goroutine: what is
		// refused for certain comes after it in the same queue.
		if err := c.Publish("never.allowed", nil); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !strings.Contains(err.Error(), "never.allowed") {
			t.Errorf("%s was refused: %v", what, err)
			<-refused
		}
		return
	}
	select {
	case <-refused:
	case <-time.After(5 * time.Second):
		t.Errorf("%s was allowed", what)
	}
}

func TestReadTenants(t *testing.T) {
	for _, c := range []struct {
		json, says string
	}{
		{`{"tenants":[{"tenant":"acme","password":"x"},{"tenant":"acme","user":"acme2","password":"y"}]}`, ""},
		{`{"tenants":[]}`, "none"},
		{`{"tenants":[{"tenant":"acme"}]}`, "password"},
		{`{"tenants":[{"tenant":"acme","nkey":"Ux"}]}`, "public key"},
		{`{"tenants":[{"tenant":"acme","password":"x"},{"tenant":"acme","password":"y"}]}`, "twice"},
		{`{"tenants":[{"tenant":"a.b","password":"x"}]}`, "a.b"},
		{`{"tenant":[]}`, "unknown field"},
	} {
		path := filepath.Join(t.TempDir(), "tenants.json")
		if err := os.WriteFile(path, []byte(c.json), 0o600); err != nil {
			t.Fatal(err)
		}
		tenants, err := broker.ReadTenants(path)
		switch {
		case c.says == "" && (err != nil || len(tenants) != 2):
			t.Errorf("%s: %v, %v", c.json, tenants, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want one that says %q", c.json, err, c.says)
		}
	}
}
