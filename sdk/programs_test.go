package sdk_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// teller is a node as far as looks go: it has a program for everybody who asks.
type teller string

func (n teller) Programs(_ context.Context, tenant string) (*wire.Programs, error) {
	return &wire.Programs{Node: string(n), Total: 1, Programs: []wire.ProgramState{{Tenant: tenant, Program: "p"}}}, nil
}

// TestPrograms of two nodes, as a tenant and as who runs the server; and nobody else's.
func TestPrograms(t *testing.T) {
	b, err := broker.Start(broker.Config{StoreDir: t.TempDir(), Port: broker.RandomPort, Tenants: []broker.Tenant{{Tenant: "acme", Password: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Shutdown)
	own := func() *nats.Conn {
		c, err := b.Connect()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	operator := use(t, own())
	if _, err := operator.AllPrograms(t.Context()); !errors.Is(err, sdk.ErrNoNode) {
		t.Errorf("without a node: %v", err)
	}
	for _, name := range []string{"b", "a"} {
		serveWith(t, own(), turns.Config{Looks: teller(name)}, echo)
	}
	acme, err := sdk.Connect(b.URL(), sdk.Tenant("acme"), sdk.NATS(nats.UserInfo("acme", "x")))
	if err != nil {
		t.Fatal(err)
	}
	defer acme.Close()

	for who, ask := range map[string]func(context.Context) ([]wire.Programs, error){"acme": acme.Programs, "": operator.AllPrograms} {
		told, err := ask(t.Context())
		for range 20 { // a node's subscription may be on its way
			if len(told) == 2 {
				break
			}
			told, err = ask(t.Context())
		}
		if err != nil || len(told) != 2 || told[0].Node != "a" || told[1].Node != "b" {
			t.Fatalf("%q is told %+v, %v", who, told, err)
		}
		for _, n := range told {
			if len(n.Programs) != 1 || n.Programs[0].Tenant != who {
				t.Errorf("%q is told of %+v", who, n.Programs)
			}
		}
	}
	if told, err := acme.AllPrograms(t.Context()); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("a tenant is told of everybody's: %+v, %v", told, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := acme.Programs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who is gone: %v", err)
	}
}
