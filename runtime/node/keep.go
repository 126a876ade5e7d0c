package node

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// Keeper keeps what the node's core has learnt, for the run that comes after. Keep is called
// every Config.KeepEvery in which something has happened, by one goroutine at a time that is not
// the loop's; and with end when no turn is left, which Run waits for. A run that the engine's
// failure ends has no end. The value is the keeper's. An error is logged, and the next call
// comes all the same.
type Keeper interface {
	Keep(learnt *core.Learnt, end bool) error
}

// keeping has a Keeper keep what is learnt. It is the loop's, but for the call of the Keeper:
// while that writes, which may take long, no other is made.
type keeping struct {
	keeper  Keeper // nil: nothing is kept
	log     *slog.Logger
	ticker  *time.Ticker
	due     <-chan time.Time
	kept    programs.Time // of what was kept last
	writing atomic.Bool
	writers sync.WaitGroup // of the goroutine that does, if there is one
}

func newKeeping(cfg *Config) *keeping {
	k := &keeping{keeper: cfg.Keeper, log: cfg.Log}
	if k.keeper != nil {
		k.ticker = time.NewTicker(cfg.KeepEvery)
		k.due = k.ticker.C
	}
	if cfg.Learnt != nil {
		k.kept = cfg.Learnt.At
	}
	return k
}

// keep has what the machine has learnt kept, unless that is what was kept last.
func (k *keeping) keep(m *core.Machine) {
	if k.writing.Load() {
		return
	}
	learnt := m.Learnt()
	if learnt.At == k.kept {
		return
	}
	k.kept = learnt.At
	k.writing.Store(true)
	k.writers.Go(func() {
		defer k.writing.Store(false)
		k.write(learnt, false)
	})
}

// stop waits for what is being written, and where the run has ended well has all kept that was
// learnt.
func (k *keeping) stop(m *core.Machine, well bool) {
	if k.keeper == nil {
		return
	}
	k.ticker.Stop()
	k.writers.Wait()
	if well {
		k.write(m.Learnt(), true)
	}
}

func (k *keeping) write(learnt *core.Learnt, end bool) {
	if err := k.keeper.Keep(learnt, end); err != nil {
		k.log.Warn("what was learnt is not kept", "error", err)
	}
}
