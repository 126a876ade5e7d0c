package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Tenant is who may connect, with either a password or an nkey.
type Tenant struct {
	Tenant   string `json:"tenant"`
	User     string `json:"user,omitempty"`     // empty: the tenant's name
	Password string `json:"password,omitempty"` // in the clear, or as bcrypt writes it
	NKey     string `json:"nkey,omitempty"`     // the public key of a user, "U…"
}

// ReadTenants reads a file of tenants:
//
//	{"tenants": [{"tenant": "acme", "password": "$2a$…"}, {"tenant": "zenith", "nkey": "U…"}]}
//
// A tenant may be there several times, with several users.
func ReadTenants(path string) ([]Tenant, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	var file struct {
		Tenants []Tenant `json:"tenants"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("read the tenants from %s: %w", path, err)
	}
	if len(file.Tenants) == 0 {
		return nil, fmt.Errorf("read the tenants from %s: there is none", path)
	}
	seen := map[string]bool{}
	for i := range file.Tenants {
		t := &file.Tenants[i]
		if err := t.validate(); err != nil {
			return nil, fmt.Errorf("read the tenants from %s: %w", path, err)
		}
		if seen[t.login()] {
			return nil, fmt.Errorf("read the tenants from %s: the user %q is there twice", path, t.login())
		}
		seen[t.login()] = true
	}
	return file.Tenants, nil
}

// login is what the tenant authenticates as.
func (t *Tenant) login() string {
	switch {
	case t.NKey != "":
		return t.NKey
	case t.User != "":
		return t.User
	}
	return t.Tenant
}

func (t *Tenant) validate() error {
	if _, err := wire.Permissions(t.Tenant); err != nil {
		return err
	}
	switch {
	case t.NKey != "" && (t.Password != "" || t.User != ""):
		return fmt.Errorf("tenant %s: an nkey stands alone, without user and password", t.Tenant)
	case t.NKey != "" && !nkeys.IsValidPublicUserKey(t.NKey):
		return fmt.Errorf("tenant %s: %q is no public key of a user, which begins with U", t.Tenant, t.NKey)
	case t.NKey == "" && t.Password == "":
		return fmt.Errorf("tenant %s: a password or an nkey is missing", t.Tenant)
	case t.login() == ownUser:
		return fmt.Errorf("tenant %s: the user %s is the node's own; give the tenant another with \"user\"", t.Tenant, ownUser)
	}
	return nil
}

// addTo gives the tenant a user of the server.
func (t *Tenant) addTo(o *server.Options) error {
	if err := t.validate(); err != nil {
		return err
	}
	rights, err := wire.Permissions(t.Tenant)
	if err != nil {
		return err
	}
	permissions := &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: rights.Publish},
		Subscribe: &server.SubjectPermission{Allow: rights.Subscribe},
	}
	if t.NKey != "" {
		o.Nkeys = append(o.Nkeys, &server.NkeyUser{Nkey: t.NKey, Permissions: permissions})
		return nil
	}
	o.Users = append(o.Users, &server.User{Username: t.login(), Password: t.Password, Permissions: permissions})
	return nil
}
