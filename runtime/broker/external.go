package broker

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// External is a NATS server that runs elsewhere, with JetStream.
type External struct {
	URL         string // "nats://host:4222", "tls://…"; several with commas
	Credentials string // a file of credentials (JWT and seed)
	NKeySeed    string // a file with the seed of an nkey
	User        string
	Password    string
	CA          string // files in PEM for TLS
	Cert, Key   string
}

// Dial connects to the server, and connects again for as long as the connection
// is not closed by the caller. An error says what did not work.
func Dial(e External, opts ...nats.Option) (*nats.Conn, error) {
	all := []nats.Option{nats.Name("interlude node"), nats.MaxReconnects(-1)}
	if e.Credentials != "" {
		all = append(all, nats.UserCredentials(e.Credentials))
	}
	if e.NKeySeed != "" {
		o, err := nats.NkeyOptionFromSeed(e.NKeySeed)
		if err != nil {
			return nil, fmt.Errorf("read the nkey for NATS from %s: %w", e.NKeySeed, err)
		}
		all = append(all, o)
	}
	if e.User != "" {
		all = append(all, nats.UserInfo(e.User, e.Password))
	}
	if e.CA != "" {
		all = append(all, nats.RootCAs(e.CA))
	}
	if e.Cert != "" || e.Key != "" {
		all = append(all, nats.ClientCert(e.Cert, e.Key))
	}
	conn, err := nats.Connect(e.URL, append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", e.URL, err)
	}
	return conn, nil
}
