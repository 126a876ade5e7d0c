package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ledger knows which program stands behind which conversation. It is kept in a JetStream
// bucket, so that gateways agree and a restart forgets nothing; what was used last is in
// memory as well. Any goroutine may use it.
//
//	tenant.a.digest   the turn whose answer a conversation ends with
//	tenant.q.digest   the turn that a conversation was the prompt of
//	tenant.r.digest   the turn that a request became
//	tenant.p.program  the number of the program's last turn
//	tenant.i.program  the instructions that stand in the program's conversation, as a digest
type ledger struct {
	bucket jetstream.KeyValue
	recent *lru.Cache[string, string]
}

// recentEntries of about 150 bytes are kept in memory.
const recentEntries = 200_000

// bucketName is where the ledgers of all gateways on a NATS server are.
const bucketName = "INTERLUDE_CONVERSATIONS"

func openLedger(ctx context.Context, conn *nats.Conn, keep time.Duration) (*ledger, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("gateway: JetStream: %w", err)
	}
	bucket, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: bucketName, Description: "which program stands behind which conversation", TTL: keep, History: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: the bucket of conversations: %w", err)
	}
	recent, err := lru.New[string, string](recentEntries)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return &ledger{bucket, recent}, nil
}

// kind is what an entry is about.
type kind byte

const (
	answered   kind = 'a'
	asked      kind = 'q'
	requested  kind = 'r'
	progress   kind = 'p'
	instructed kind = 'i'
)

func key(tenant string, k kind, name string) string { return tenant + "." + string(k) + "." + name }

// spot finds the turn of an entry.
func (l *ledger) spot(ctx context.Context, tenant string, k kind, d digest) (s spot, ok bool, err error) {
	value, ok, err := l.get(ctx, key(tenant, k, d.String()))
	if !ok || err != nil {
		return spot{}, false, err
	}
	s, ok = parseSpot(value)
	return s, ok, nil
}

// last is the number of a program's last turn; 0 where none is known.
func (l *ledger) last(ctx context.Context, tenant, program string) (int64, error) {
	value, ok, err := l.get(ctx, key(tenant, progress, program))
	if !ok || err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, nil
	}
	return n, nil
}

func (l *ledger) get(ctx context.Context, key string) (value string, ok bool, err error) {
	if value, ok := l.recent.Get(key); ok {
		return value, true, nil
	}
	e, err := l.bucket.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("look a conversation up: %w", err)
	}
	value = string(e.Value())
	l.recent.Add(key, value)
	return value, true, nil
}

// refresh forgets what memory has of a program, which another gateway may have gone on with.
func (l *ledger) refresh(tenant, program string) { l.recent.Remove(key(tenant, progress, program)) }

// has tells whether an entry is known to be there.
func (l *ledger) has(tenant string, e entry) bool {
	value, ok := l.recent.Get(key(tenant, e.kind, e.name))
	return ok && value == e.value
}

// note writes entries down.
func (l *ledger) note(ctx context.Context, tenant string, entries ...entry) error {
	var failed error
	for _, e := range entries {
		k, value := key(tenant, e.kind, e.name), e.value
		if value == "" {
			l.recent.Remove(k)
			if err := l.bucket.Delete(ctx, k); err != nil && failed == nil {
				failed = err
			}
			continue
		}
		l.recent.Add(k, value)
		if _, err := l.bucket.PutString(ctx, k, value); err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return fmt.Errorf("note a conversation: %w", failed)
	}
	return nil
}

// entry is one of the ledger's; an empty value takes it out.
type entry struct {
	kind  kind
	name  string
	value string
}

func at(k kind, d digest, s spot) entry { return entry{k, d.String(), s.String()} }

func progressed(s spot) entry {
	return entry{progress, s.program, strconv.FormatInt(s.turn, 10)}
}

// String is what parseSpot reads.
func (s spot) String() string { return s.program + "/" + strconv.FormatInt(s.turn, 10) }

func parseSpot(text string) (spot, bool) {
	program, number, ok := strings.Cut(text, "/")
	turn, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || program == "" || turn < 1 {
		return spot{}, false
	}
	return spot{program, turn}, true
}
