package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
	"github.com/interlude-run/interlude/runtime/node"
)

// logged has the node's core observed by a log that openLog opens later, beside who
// observes it already.
func (h *host) logged(c *node.Config) {
	other := c.Observe
	c.Observe = func(now programs.Time, ev core.Event, effects []core.Effect) {
		h.log.Observe(now, ev, effects)
		if other != nil {
			other(now, ev, effects)
		}
	}
}

// openLog opens the log, and gives its file. When it ends before the node does, that is said and
// the node goes on.
func (h *host) openLog(path, policy, name string, log *slog.Logger) (file string, err error) {
	if path, err = eventLogFile(path, name, time.Now()); err != nil {
		return "", err
	}
	h.log, err = eventlog.Create(path, eventlog.Header{Policy: policy, Config: h.node.Core()}, eventlog.Options{
		Stopped: func(err error) {
			log.Warn("the event log ends here; the node goes on", "file", path, "error", err)
		},
	})
	if err == nil {
		log.Info("events are logged", "file", path)
	}
	return path, err
}

// eventLogFile is the file that --event-log means: the one that it names, or one for
// this start in the folder that it names.
func eventLogFile(path, name string, now time.Time) (string, error) {
	info, err := os.Stat(path)
	switch {
	case strings.HasSuffix(path, string(filepath.Separator)):
		if err := os.MkdirAll(path, 0o700); err != nil {
			return "", fmt.Errorf("the folder for event logs: %w", err)
		}
	case err != nil || !info.IsDir():
		return path, nil
	}
	return filepath.Join(path, now.UTC().Format("20060102T150405Z")+"-"+name+".jsonl.gz"), nil
}
