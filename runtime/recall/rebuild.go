package recall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

// longestReplay is how long a node waits at its start for what a killed one has learnt.
const longestReplay = 30 * time.Second

// rebuild has a machine take the events of a log, and gives what it knows then, and after how many
// events. With an error it is what it knew before that came.
func rebuild(ctx context.Context, path string) (l *core.Learnt, events int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longestReplay, fmt.Errorf("its replay takes longer than %v", longestReplay))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			l, err = nil, fmt.Errorf("the machine cannot take it: %v", p)
		}
		if err != nil {
			err = fmt.Errorf("replay the event log %s: %w", path, err)
		}
	}()
	if info, err := os.Stat(path); err != nil {
		return nil, 0, err
	} else if !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is no file that stays")
	}
	log, err := eventlog.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	replay, err := eventlog.NewReplay(log)
	if err != nil {
		return nil, 0, err
	}
	for _, stepErr := range replay.Steps() {
		if err = stepErr; err == nil {
			events++
			err = context.Cause(ctx)
		}
		if err != nil {
			break
		}
	}
	l = replay.Machine.Learnt()
	if wrong := l.Check(); wrong != nil {
		return nil, events, errors.Join(err, wrong)
	}
	return l, events, err
}
