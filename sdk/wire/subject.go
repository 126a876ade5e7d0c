package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// The streams that nodes keep in JetStream.
const (
	TurnsStream   = "INTERLUDE_TURNS"   // accepted turns
	ResultsStream = "INTERLUDE_RESULTS" // one Result a turn
)

// DefaultTenant is whom a client speaks for that names no tenant.
const DefaultTenant = "default"

// Kind is what a subject is for.
type Kind string

// The kinds of subjects; the package documentation has the table.
const (
	KindSubmit Kind = "submit"
	KindCancel Kind = "cancel"
	KindSignal Kind = "signal"
	KindRead   Kind = "read"
	KindCount  Kind = "count"
	KindStream Kind = "stream"
	KindResult Kind = "result"
	KindTurn   Kind = "turn"
	KindFinish Kind = "finish"
)

const prefix = "interlude.v1."

// ID names a turn: the tenant, its program, and the number of the turn from 1.
type ID struct {
	Tenant  string
	Program string
	Turn    int64
}

// String gives the turn as "tenant/program/turn".
func (id ID) String() string { return fmt.Sprintf("%s/%s/%d", id.Tenant, id.Program, id.Turn) }

// Previous names the turn before. The first turn has none: then Turn is 0.
func (id ID) Previous() ID { id.Turn--; return id }

// Subject is where messages of the kind about this turn go. The ID must be valid.
func (id ID) Subject(kind Kind) string {
	return prefix + id.Tenant + "." + string(kind) + "." + id.Program + "." + strconv.FormatInt(id.Turn, 10)
}

// Validate says what is wrong with the ID, as an *Error with CodeInvalidSubject.
func (id ID) Validate() error {
	switch {
	case !isName(id.Tenant):
		return invalidSubject("the tenant %q is no name", id.Tenant)
	case !isName(id.Program):
		return invalidSubject("the program %q is no name", id.Program)
	case id.Turn < 1:
		return invalidSubject("the turn %d is less than 1", id.Turn)
	}
	return nil
}

// ParseSubject reads a subject of any kind. An error is an *Error with
// CodeInvalidSubject.
func ParseSubject(subject string) (ID, Kind, error) {
	rest, ok := strings.CutPrefix(subject, prefix)
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 4 {
		return ID{}, "", invalidSubject("%q has not the form %s<tenant>.<kind>.<program>.<turn>", clip(subject), prefix)
	}
	kind := Kind(tokens[1])
	switch kind {
	case KindSubmit, KindCancel, KindSignal, KindRead, KindCount, KindStream, KindResult, KindTurn, KindFinish:
	default:
		return ID{}, "", invalidSubject("%q is no kind of subject", clip(tokens[1]))
	}
	turn, err := strconv.ParseInt(tokens[3], 10, 64)
	if err != nil || strconv.FormatInt(turn, 10) != tokens[3] {
		return ID{}, "", invalidSubject("the turn %q is no decimal number", clip(tokens[3]))
	}
	id := ID{Tenant: tokens[0], Program: tokens[2], Turn: turn}
	return id, kind, id.Validate()
}

// AllTurns matches the subjects of a kind for all turns of all tenants.
func AllTurns(kind Kind) string { return prefix + "*." + string(kind) + ".*.*" }

// InboxPrefix is what the reply subjects of the tenant's clients begin with.
// Nodes reply to no others but NATS's own "_INBOX.": who may not publish on a
// subject shall not have a node do it.
func InboxPrefix(tenant string) string { return "_INBOX_" + tenant }

// MayReply tells whether a node sends the tenant a reply there.
func MayReply(tenant, reply string) bool {
	return strings.HasPrefix(reply, InboxPrefix(tenant)+".") || strings.HasPrefix(reply, "_INBOX.")
}

// Rights are the subjects that a user may publish on and subscribe to.
type Rights struct {
	Publish   []string
	Subscribe []string
}

// Permissions lists all that a client of the tenant needs and may do. It is the
// one place that does; an external server's configuration says the same:
//
//	permissions {
//	  publish:   ["interlude.v1.acme.submit.>", "interlude.v1.acme.cancel.>",
//	              "interlude.v1.acme.signal.>", "interlude.v1.acme.read.>",
//	              "interlude.v1.acme.count.>", "interlude.v1.acme.programs"]
//	  subscribe: ["interlude.v1.acme.turn.>", "interlude.v1.acme.result.>",
//	              "interlude.v1.acme.stream.>", "_INBOX_acme.>"]
//	}
//
// An error is an *Error with CodeInvalidSubject: the tenant is no name.
func Permissions(tenant string) (Rights, error) {
	if !isName(tenant) {
		return Rights{}, invalidSubject("the tenant %q is no name", clip(tenant))
	}
	of := func(kind Kind) string { return prefix + tenant + "." + string(kind) + ".>" }
	return Rights{
		Publish:   []string{of(KindSubmit), of(KindCancel), of(KindSignal), of(KindRead), of(KindCount), ProgramsSubject(tenant)},
		Subscribe: []string{of(KindTurn), of(KindResult), of(KindStream), InboxPrefix(tenant) + ".>"},
	}, nil
}

func isName(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

func invalidSubject(format string, args ...any) *Error {
	return &Error{
		Code:    CodeInvalidSubject,
		Message: fmt.Sprintf(format, args...),
		Hint:    "name tenants and programs with 1 to 64 of A-Z a-z 0-9 _ and -, and count turns from 1",
	}
}

// clip shortens what a stranger sent for an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
