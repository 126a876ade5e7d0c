package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/runtime/node"
	"github.com/interlude-run/interlude/runtime/recall"
)

// remember has the node begin with what --state-dir has, and keep there what it learns.
func (h *host) remember(ctx context.Context, o *obtained, f *engineFlags, path string, c *node.Config) (err error) {
	if h.state, err = recall.Open(ctx, path, engineOf(o, f, h.engine)); err != nil {
		return err
	}
	tell(h.state.Found, path, c.Log)
	c.Learnt, c.Keeper = h.state.Found.Learnt, h.state
	return nil
}

// engineOf names what makes an engine as fast as it is.
func engineOf(o *obtained, f *engineFlags, e *gpu.Engine) recall.Engine {
	model := o.model.SHA256
	if info, err := os.Stat(o.model.Path); model == "" && err == nil {
		model = fmt.Sprintf("%s, %d bytes, of %s", o.model.Path, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
	}
	g := e.Geometry()
	return recall.Engine{
		Model:  model,
		Build:  gpu.Pinned() + ", " + o.engine.Dir,
		Device: fmt.Sprintf("%s, %d threads", e.Device(), e.Threads()),
		Settings: fmt.Sprintf("weights %s, keys %s, cells of %d bytes, steps of %d tokens, deterministic %v",
			e.Storage(), f.KVType, g.CellBytes, g.MaxStep, f.Deterministic),
	}
}

// tell says what the node begins with.
func tell(f recall.Found, path string, log *slog.Logger) {
	log = log.With("folder", path)
	if f.Refused != nil {
		log.Warn("what was learnt before cannot be used and was put aside; the node begins anew", "error", f.Refused)
	}
	if f.NotReplayed != nil {
		log.Warn("what the run before learnt last is lost: it was killed, and its event log cannot be used as a whole", "error", f.NotReplayed)
	}
	if f.Learnt == nil {
		log.Info("what is learnt is kept; nothing was learnt before")
		return
	}
	log.Info("the node begins with what was learnt before", "until", time.Unix(0, int64(f.Learnt.At)).UTC(),
		"events replayed", f.Replayed, "times of another engine left out", f.OtherEngine)
}
