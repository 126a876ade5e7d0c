package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// Header says what the machine of a log was made of.
type Header struct {
	Build  string // which version of the program wrote the log
	Arch   string // and for which architecture it was built
	Policy string // by its name in sched.Policies; "" is sched.Default
	Config core.Config
}

const (
	format  = "interlude event log"
	version = 5
)

// headerLine is a Header in a log.
type headerLine struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Build   string `json:"build"`
	Arch    string `json:"arch"`
	Config  config `json:"config"`
}

// config is a core.Config with the policy's name in the place of its constructor:
// the outer of two fields of a name is the one in JSON.
type config struct {
	core.Config
	Policy string
}

// Machine makes the machine anew.
func (h *Header) Machine() (*core.Machine, error) {
	cfg := h.Config
	name := h.Policy
	if name == "" {
		name = sched.Default
	}
	policy, err := sched.ByName(name)
	if err != nil {
		return nil, err
	}
	cfg.Policy = policy.New
	return core.New(cfg)
}

// encode gives the header's line. Build and Arch that are not set are this program's.
func (h Header) encode() ([]byte, error) {
	if h.Build == "" {
		h.Build, h.Arch = build(), runtime.GOARCH
	}
	if h.Policy == "" {
		h.Policy = sched.Default
	}
	if _, err := h.Machine(); err != nil {
		return nil, err
	}
	return json.Marshal(headerLine{format, version, h.Build, h.Arch, config{h.Config, h.Policy}})
}

// build names this program's version.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	name := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			name += " " + s.Value
		}
	}
	return name
}

// decodeHeader reads the header's line.
func decodeHeader(line []byte) (*Header, error) {
	var kind struct {
		Format  string
		Version int
	}
	if err := json.Unmarshal(line, &kind); err != nil || kind.Format != format {
		return nil, errors.New("no event log: the first line is not its header")
	}
	if kind.Version != version {
		return nil, fmt.Errorf("an event log of version %d, and this program reads version %d: replay it with the program that wrote it", kind.Version, version)
	}
	var l headerLine
	if err := strictly(line, &l); err != nil {
		return nil, err
	}
	h := &Header{Build: l.Build, Arch: l.Arch, Policy: l.Config.Policy, Config: l.Config.Config}
	if err := sane(&h.Config); err != nil {
		return nil, err
	}
	_, err := h.Machine()
	return h, err
}

// sane refuses numbers that no machine has, and whose sums would overflow.
func sane(c *core.Config) error {
	const most = 1 << 50
	for _, n := range [...]int64{
		int64(c.Geometry.CellBytes), int64(c.Geometry.Granule), int64(c.Geometry.Span), int64(c.Geometry.PoolBytes),
		int64(c.MaxContext), int64(c.StepTokens), int64(c.Tile), int64(c.MaxRunning), int64(c.Host), int64(c.Disk),
	} {
		if n > most {
			return fmt.Errorf("config: a size of %d is no machine's", n)
		}
	}
	if c.Tools.Nodes > 1<<24 {
		return fmt.Errorf("config: Tools.Nodes is %d; it is at most %d", c.Tools.Nodes, 1<<24)
	}
	return nil
}
