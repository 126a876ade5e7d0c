package pull

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// offer is one way to come by one artefact.
type offer struct {
	slot   string // the artefact's folder below the cache, e.g. "engine/linux-x64-3.22.1"
	what   string // the artefact, for people
	from   string // the source, for people and for the stamp
	pinned bool   // fetch or sums compares with a checksum known in advance
	bytes  int64  // size of the transfer; 0 is unknown
	room   int64  // disk space that the transfer and the unpacked files take together
	sums   map[string]string
	advice string
	fetch  func(context.Context, workbench) error // leaves the artefact's files in workbench.ready
}

// workbench is where an offer is fetched and unpacked.
type workbench struct {
	p     *Puller
	offer offer
	stage string // survives a crash: what is here may be used by the next try
	ready string // empty at first; becomes the artefact
}

// obtain returns the first artefact among the offers that is intact, or the
// first that can be fetched.
func (p *Puller) obtain(ctx context.Context, offers []offer) (artefact, error) {
	if a, err := p.lookup(ctx, offers); err == nil {
		return a, nil
	}
	unlock, err := p.lock(ctx, offers[0])
	if err != nil {
		return artefact{}, err
	}
	defer unlock()

	// Another process may have finished while this one waited.
	a, err := p.lookup(ctx, offers)
	if err == nil {
		return a, nil
	}
	if errors.Is(err, ErrDamaged) {
		p.progress.Note(fmt.Sprintf("%v; fetching it again", err))
	}

	var failed []error
	for i, o := range offers {
		a, err := p.install(ctx, o)
		if err == nil {
			p.clearStages(offers)
			return a, nil
		}
		if ctx.Err() != nil {
			return artefact{}, fmt.Errorf("get %s: stopped: %w; nothing half-done was put in place, pull again to go on", o.what, context.Cause(ctx))
		}
		failed = append(failed, err)
		if i+1 < len(offers) {
			p.progress.Note(fmt.Sprintf("%v; trying %s", err, offers[i+1].from))
		}
	}
	advice := offers[0].advice
	if errors.Is(errors.Join(failed...), ErrNoRoom) {
		advice = "" // the error itself says what helps
	}
	return artefact{}, &SourcesError{What: offers[0].what, Failed: failed, Advice: advice}
}

// lookup returns the first intact artefact among the offers. Otherwise the
// error says what is wrong: ErrDamaged where there is one, else ErrAbsent.
func (p *Puller) lookup(ctx context.Context, offers []offer) (artefact, error) {
	var worst error
	for _, o := range offers {
		a, err := examine(ctx, filepath.Join(p.dir, o.slot), o.sums, p.verify)
		if err == nil {
			return a, nil
		}
		if worst == nil || errors.Is(err, ErrDamaged) {
			worst = fmt.Errorf("%s: %w", o.what, err)
		}
	}
	return artefact{}, worst
}

// install fetches one offer and puts it in its slot.
func (p *Puller) install(ctx context.Context, o offer) (artefact, error) {
	a, err := p.build(ctx, o)
	if errors.Is(err, ErrChecksum) || errors.Is(err, ErrNotGGUF) {
		// Nothing of it may be gone on from.
		os.RemoveAll(p.stageOf(o))
	}
	if err != nil {
		return artefact{}, fmt.Errorf("from %s: %w", o.from, p.explainFull(err))
	}
	return a, nil
}

func (p *Puller) build(ctx context.Context, o offer) (artefact, error) {
	b := workbench{p: p, offer: o, stage: p.stageOf(o)}
	b.ready = filepath.Join(b.stage, "ready")
	if err := os.RemoveAll(b.ready); err != nil {
		return artefact{}, err
	}
	if err := os.MkdirAll(b.ready, 0o755); err != nil {
		return artefact{}, err
	}
	if err := p.enoughRoom(o.room); err != nil {
		return artefact{}, err
	}
	if err := o.fetch(ctx, b); err != nil {
		return artefact{}, err
	}
	s, err := seal(ctx, b.ready, o)
	if err != nil {
		return artefact{}, err
	}
	slot := filepath.Join(p.dir, o.slot)
	if err := moveInto(slot, b.ready, filepath.Join(b.stage, "replaced")); err != nil {
		return artefact{}, fmt.Errorf("put %s in its place: %w", o.what, err)
	}
	return artefact{dir: slot, stamp: s}, nil
}

// moveInto renames ready to slot; what is damaged there is set aside first.
func moveInto(slot, ready, aside string) error {
	if err := os.MkdirAll(filepath.Dir(slot), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	if err := os.Rename(slot, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Rename(ready, slot)
}

func (p *Puller) stageOf(o offer) string {
	return filepath.Join(p.dir, "staging", flat(o.slot))
}

// clearStages gives back what fetching took. A failure costs only disk space.
func (p *Puller) clearStages(offers []offer) {
	for _, o := range offers {
		os.RemoveAll(p.stageOf(o))
	}
}

func flat(slot string) string { return strings.ReplaceAll(slot, "/", "-") }
