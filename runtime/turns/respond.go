package turns

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/sdk/wire"
)

// respond replies to a request, if it asks for a reply where its tenant may have
// one.
func respond(log *slog.Logger, m *nats.Msg, reply wire.Reply, err error) {
	reply.Version = wire.Version
	if err != nil {
		reply = wire.Reply{Version: wire.Version, Error: asError(err)}
		log.Log(context.Background(), refusalLevel(reply.Error), "request refused", "subject", m.Subject, "code", reply.Error.Code, "error", err)
	}
	if m.Reply == "" {
		return
	}
	if !wire.MayReply(tenantOf(m.Subject), m.Reply) {
		log.Warn("reply subject is not the tenant's", "subject", m.Subject, "reply", m.Reply)
		return
	}
	data, err := wire.Encode(&reply)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		log.Warn("reply not sent", "subject", m.Subject, "error", err)
	}
}

// refusalLevel: that a turn has not ended is no news to whoever asks for it again and again.
func refusalLevel(e *wire.Error) slog.Level {
	if e.Code == wire.CodeNotFinished {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// asError makes any error one for the client. What JetStream could not do now it
// may do later.
func asError(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return &wire.Error{
		Code:         wire.CodeUnavailable,
		Message:      err.Error(),
		Hint:         "send the same request again",
		Retryable:    true,
		RetryAfterMS: 100,
	}
}

// tenantOf is whose subject it is, even where the rest of it names no turn.
func tenantOf(subject string) string { return strings.Split(subject, ".")[2] }
