package gputest

import "github.com/interlude-run/interlude/gpu/engine"

// Engine is the whole method set of an engine; package engine's documentation
// says what each promises, Conform checks it.
type Engine interface {
	Geometry() engine.Geometry

	New(seq engine.Seq) error
	Reserve(seq engine.Seq, cells int) error
	Fork(src, dst engine.Seq, n int) error
	Truncate(seq engine.Seq, n int) error
	Release(seq engine.Seq) error
	Len(seq engine.Seq) int
	Capacity(seq engine.Seq) int

	SetSampling(seq engine.Seq, s engine.Sampling, history []engine.Token) error
	Step(items []engine.Item, out []engine.Output) error
	Interrupt()

	Save(seq engine.Seq, from, n int) (engine.Saved, error)
	Load(seq engine.Seq, saved engine.Saved) error
	Pack(saved engine.Saved) engine.Saved
	Read(seq engine.Seq, cells []int, layers ...int) (engine.KV, error)
	Place(p engine.Placement) error

	Memory() engine.Memory
	Check() error
	Close() error
}
