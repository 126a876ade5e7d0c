package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/pull"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// The exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitRefused     = 4
	exitInterrupted = 130
)

// exitCodes says what they mean.
const exitCodes = "Exit codes: 0 done; 1 failed; 2 used wrongly; 3 no node, gateway or NATS server could be reached; 4 refused, or over quota; 130 interrupted."

// usageError is that a command was used in a way that only the command can tell is wrong.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// misused makes an error one of usage.
func misused(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// clientExit is how a program ended that a command started; it has said why itself.
type clientExit int

func (c clientExit) Error() string { return fmt.Sprintf("it ended with %d", int(c)) }

// httpRefusal is that a gateway answered a request of a command with such a status.
type httpRefusal struct {
	status int
	text   string
}

func (h *httpRefusal) Error() string { return h.text }

// exitOf is the code of an error, and what to do about it beyond what the error says.
func exitOf(err error) (code int, hint string) {
	var usage usageError
	var refused *wire.Error
	var status *httpRefusal
	switch {
	case errors.As(err, &usage), errors.Is(err, pull.ErrNoModel):
		return exitUsage, "Run `interlude COMMAND --help` for what there is."
	case errors.As(err, &refused) && slices.Contains(refusals, refused.Code):
		return exitRefused, ""
	case errors.As(err, &status) && slices.Contains(refusedStatuses, status.status):
		return exitRefused, ""
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrPermissionViolation):
		return exitRefused, "Say who asks: --user and --password, --creds or --nkey, and --tenant for the user of one."
	case isUnreachable(err):
		return exitUnreachable, "Is one running, and there? `interlude serve` starts a node; `interlude doctor` says whether this machine can."
	}
	return exitFailed, ""
}

// refusals are the codes of turns that were not taken in as they were, or for want of room.
var refusals = []wire.Code{
	wire.CodeQueueFull, wire.CodeOverloaded, wire.CodeTooLarge, wire.CodeContextTooLong,
	wire.CodeInvalidTurn, wire.CodeInvalidMessages, wire.CodeInvalidGrammar, wire.CodeConflict,
}

var refusedStatuses = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}

// isUnreachable tells that nobody was there to ask. That a model's sources could not be reached
// is something else.
func isUnreachable(err error) bool {
	var fetched *pull.SourcesError
	var dialled *net.OpError
	return !errors.As(err, &fetched) &&
		(errors.Is(err, sdk.ErrNoNode) || errors.Is(err, errNoGateway) || errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) ||
			errors.As(err, &dialled) && dialled.Op == "dial")
}

// report says what went wrong, and what to type next.
func report(ctx context.Context, err error, say func(...any)) int {
	var ended clientExit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return int(ended)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		say("interlude: interrupted")
		return exitInterrupted
	}
	code, hint := exitOf(err)
	say("interlude:", err)
	if hint != "" {
		say(hint)
	}
	return code
}
