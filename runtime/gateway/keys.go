package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/interlude-run/interlude/sdk/wire"
)

// Keys says who may ask, and as which tenant. It is immutable.
type Keys struct{ keys []hashedKey }

type hashedKey struct {
	hash   [sha256.Size]byte
	tenant string
}

// ReadKeys reads a file of keys. Only their SHA-256 hashes are in it:
//
//	{"keys":[{"sha256":"9f86d081…","tenant":"team-a"}]}
//
// `printf %s "$KEY" | sha256sum` makes one.
func ReadKeys(path string) (*Keys, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	var file struct {
		Keys []struct {
			SHA256 string `json:"sha256"`
			Tenant string `json:"tenant"`
		} `json:"keys"`
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("read keys from %s: %w", path, err)
	}
	if len(file.Keys) == 0 {
		return nil, fmt.Errorf("read keys from %s: there is none", path)
	}
	k := &Keys{}
	for i, entry := range file.Keys {
		hash, err := hex.DecodeString(entry.SHA256)
		if err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("read keys from %s: keys[%d].sha256 is no SHA-256 in 64 hexadecimal digits", path, i)
		}
		if _, err := wire.Permissions(entry.Tenant); err != nil {
			return nil, fmt.Errorf("read keys from %s: keys[%d].tenant: %w", path, i, err)
		}
		k.keys = append(k.keys, hashedKey{[sha256.Size]byte(hash), entry.Tenant})
	}
	return k, nil
}

// tenant is for whom a request speaks. Every key is compared in the same time, whichever it is.
func (k *Keys) tenant(r *http.Request) (string, error) {
	if k == nil {
		return wire.DefaultTenant, nil
	}
	hash := sha256.Sum256([]byte(keyOf(r)))
	tenant := ""
	for i := range k.keys {
		if subtle.ConstantTimeCompare(hash[:], k.keys[i].hash[:]) == 1 {
			tenant = k.keys[i].tenant
		}
	}
	if tenant == "" {
		return "", &refusal{status: http.StatusUnauthorized, code: "invalid_api_key", message: "the key is none of this gateway's; send it as Authorization: Bearer KEY or x-api-key: KEY"}
	}
	return tenant, nil
}

// keyOf is the key in either style, on every route: clients of both APIs use both.
func keyOf(r *http.Request) string {
	if scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return r.Header.Get("X-Api-Key")
}
