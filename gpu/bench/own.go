package bench

import (
	"github.com/interlude-run/interlude/gpu"
	"github.com/interlude-run/interlude/gpu/engine"
)

// own is an arm of the engine.
type own struct {
	engine   *gpu.Engine
	last     [sequences]engine.Token
	items    []engine.Item
	out      []engine.Output
	saved256 engine.Saved // the first 256 cells
}

func openOwn(o Options, model string, e gpu.Options) (*own, error) {
	e.Libraries, e.Model, e.Device, e.Threads, e.TuneFile = o.Libraries, model, "cpu", o.Threads, o.TuneFile
	e.Context, e.MaxStep = contextLength+chunkLength+margin, chunkLength
	cell, err := gpu.CellBytes(e)
	if err != nil {
		return nil, err
	}
	e.KVBytes = cell * int64((sequences+1)*(contextLength+chunkLength+2*margin)+residents*288)
	opened, err := gpu.Open(e)
	if err != nil {
		return nil, err
	}
	opened.Sleep()
	return &own{engine: opened}, nil
}

func (a *own) fill() error {
	for i := range sequences {
		seq := engine.Seq(i + 1)
		if err := a.engine.New(seq); err != nil {
			return err
		}
		if err := a.engine.Reserve(seq, contextLength+margin); err != nil {
			return err
		}
	}
	for at := 0; at < contextLength; at += chunkLength {
		if err := a.chunk(at, chunkLength); err != nil {
			return err
		}
	}
	saved, err := a.engine.Save(1, 0, contextLength)
	if err != nil {
		return err
	}
	for i := 1; i < sequences; i++ {
		if err := a.engine.Load(engine.Seq(i+1), saved); err != nil {
			return err
		}
	}
	a.saved256, err = a.engine.Save(1, 0, 256)
	return err
}

func (a *own) rewind(b, at, room int) error {
	for i := range b {
		seq := engine.Seq(i + 1)
		if err := a.engine.Truncate(seq, at); err != nil {
			return err
		}
		if err := a.engine.Reserve(seq, at+room); err != nil {
			return err
		}
		a.last[i] = text(at, a.engine.Geometry().Vocab)
	}
	return nil
}

func (a *own) chunk(at, n int) error {
	tokens := make([]engine.Token, n)
	for i := range tokens {
		tokens[i] = text(at+i, a.engine.Geometry().Vocab)
	}
	return a.engine.Step([]engine.Item{{Seq: 1, Tokens: tokens, Sample: true}}, make([]engine.Output, 1))
}

func (a *own) decode(b int) error {
	a.items, a.out = a.items[:0], a.out[:0]
	for i := range b {
		a.items = append(a.items, engine.Item{Seq: engine.Seq(i + 1), Tokens: a.last[i : i+1], Sample: true})
		a.out = append(a.out, engine.Output{})
	}
	if err := a.engine.Step(a.items, a.out); err != nil {
		return err
	}
	for i := range b {
		a.last[i] = a.out[i].Token
	}
	return nil
}

func (a *own) wake()  { a.engine.Wake() }
func (a *own) sleep() { a.engine.Sleep() }
func (a *own) close() { a.engine.Close() }
