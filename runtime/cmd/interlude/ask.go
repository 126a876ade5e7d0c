package main

import (
	"cmp"
	"context"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// askFlags name the NATS server whose nodes are asked.
type askFlags struct {
	externalFlags `embed:""`
	Tenant        string `help:"Ask for this tenant's programs alone, as its user may. Default: for everybody's." placeholder:"NAME" env:"INTERLUDE_TENANT"`
}

// usualNATS is where a node listens unless it is told otherwise.
const usualNATS = "nats://127.0.0.1:4222"

// programs asks the nodes for theirs.
func (f *askFlags) programs(ctx context.Context, opts ...nats.Option) ([]wire.Programs, error) {
	f.NATS = cmp.Or(f.NATS, usualNATS)
	tenant := cmp.Or(f.Tenant, wire.DefaultTenant)
	client, conn, err := f.client(tenant, opts...)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if f.Tenant != "" {
		return client.Programs(ctx)
	}
	return client.AllPrograms(ctx)
}

func (f *askFlags) client(tenant string, opts ...nats.Option) (*sdk.Client, *nats.Conn, error) {
	conn, err := f.dial(append(opts, nats.CustomInboxPrefix(wire.InboxPrefix(tenant)))...)
	if err != nil {
		return nil, nil, err
	}
	client, err := sdk.Use(conn, sdk.Tenant(tenant))
	if err != nil {
		conn.Close()
	}
	return client, conn, err
}
