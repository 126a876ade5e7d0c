package broker

import (
	"fmt"
	"log/slog"
	"strings"
)

// serverLog takes what the server logs. The server says on it alone that it could
// not start, so the first fatal message is kept as an error.
type serverLog struct {
	log   *slog.Logger
	fatal chan error
}

func newLog(log *slog.Logger) *serverLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &serverLog{log: log.With("component", "nats"), fatal: make(chan error, 1)}
}

// Fatalf keeps the message.
func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error(text)
	err := fmt.Errorf("start the NATS server: %s", text)
	if strings.HasPrefix(format, "Error listening on port") {
		err = fmt.Errorf("%w: %s: choose another port, or stop what listens there", ErrListen, text)
	}
	select {
	case l.fatal <- err:
	default:
	}
}

// Errorf logs an error.
func (l *serverLog) Errorf(format string, v ...any) { l.log.Error(fmt.Sprintf(format, v...)) }

// Warnf logs a warning.
func (l *serverLog) Warnf(format string, v ...any) { l.log.Warn(fmt.Sprintf(format, v...)) }

// Noticef logs what is of interest to whoever debugs the server.
func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Debugf logs details.
func (l *serverLog) Debugf(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Tracef logs single protocol messages, which are never asked for.
func (l *serverLog) Tracef(string, ...any) {}
