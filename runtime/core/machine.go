package core

import "github.com/interlude-run/interlude/programs"

// Machine decides. See the package documentation for its contract.
type Machine struct {
	cfg     Config
	effects []Effect
}

// New makes a machine with an empty pool and no programs. It refuses a Config
// that could not serve any turn.
func New(cfg Config) (*Machine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Machine{cfg: cfg}, nil
}

// Step takes one event in and returns what is to be done. now must not be
// before that of the previous Step. The effects are valid until the next Step.
func (m *Machine) Step(now programs.Time, ev Event) []Effect { return m.effects }

// NextDeadline is when the machine needs a Tick if nothing else happens before;
// false when it needs none.
func (m *Machine) NextDeadline() (programs.Time, bool) { return 0, false }

// Check audits the machine and its ledger and reports the first broken
// invariant. It is for tests: it visits every program.
func (m *Machine) Check() error { return nil }
