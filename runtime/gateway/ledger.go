package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ledger knows which program stands behind which conversation. It is kept in a JetStream
// bucket, so that gateways agree and a restart forgets nothing. Nothing of it is in memory:
// another gateway may have gone on with a conversation a moment ago, and a look costs less than
// a millisecond. Any goroutine may use it.
//
//	tenant.a.digest   the turn whose answer a conversation ends with
//	tenant.q.digest   the turn that a conversation was the prompt of
//	tenant.r.digest   the turn that a request became
//	tenant.p.program  the number of the program's last turn
//	tenant.s.session.program  the last turn of a session's program
//	tenant.i.program  the instructions that stand in the program's conversation, as a digest, and since which turn
type ledger struct{ bucket jetstream.KeyValue }

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
	return &ledger{bucket}, nil
}

// kind is what an entry is about.
type kind byte

const (
	answered   kind = 'a'
	asked      kind = 'q'
	requested  kind = 'r'
	progress   kind = 'p'
	instructed kind = 'i'
	member     kind = 's'
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
	value, _, err := l.get(ctx, key(tenant, progress, program))
	if err != nil {
		return 0, err
	}
	return number(value), nil
}

// number is 0 for what is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (l *ledger) get(ctx context.Context, key string) (value string, ok bool, err error) {
	e, err := l.bucket.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("look a conversation up: %w", err)
	}
	return string(e.Value()), true, nil
}

// note writes entries down, in their order: whoever reads while it is not done, or after a
// gateway died over it, sees the first ones.
func (l *ledger) note(ctx context.Context, tenant string, entries ...entry) error {
	var failed error
	for _, e := range entries {
		if err := l.write(ctx, tenant, e); err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return fmt.Errorf("note a conversation: %w", failed)
	}
	return nil
}

func (l *ledger) write(ctx context.Context, tenant string, e entry) (err error) {
	k := key(tenant, e.kind, e.name)
	switch {
	case e.value == "":
		err = l.bucket.Delete(ctx, k)
	case e.kind == progress:
		err = l.advance(ctx, k, e.value)
	default:
		_, err = l.bucket.PutString(ctx, k, e.value)
	}
	return err
}

// advance raises a number, which never falls: news of an earlier turn may be late.
func (l *ledger) advance(ctx context.Context, key, value string) error {
	for {
		was, err := l.bucket.Get(ctx, key)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			_, err = l.bucket.Create(ctx, key, []byte(value))
		case err != nil:
		case number(string(was.Value())) >= number(value):
			return nil
		default:
			_, err = l.bucket.Update(ctx, key, []byte(value), was.Revision())
		}
		if !errors.Is(err, jetstream.ErrKeyExists) { // which says that another one wrote meanwhile
			return err
		}
	}
}

// entry is one of the ledger's; an empty value takes it out.
type entry struct {
	kind  kind
	name  string
	value string
}

func at(k kind, d digest, s spot) entry { return entry{kind: k, name: d.String(), value: s.String()} }

func progressed(s spot) entry {
	return entry{kind: progress, name: s.program, value: strconv.FormatInt(s.turn, 10)}
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
