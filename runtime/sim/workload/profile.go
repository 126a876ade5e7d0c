package workload

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"

	"github.com/interlude-run/interlude/programs"
)

// profile is what was measured of a workload: enough to generate programs like
// those that were recorded. Measured by measure, followed by a follower.
type profile struct{ sources []*sourceProfile }

// sourceProfile is the profile of one kind of agent. Counts are of tokens, gaps
// in milliseconds.
type sourceProfile struct {
	Source   string            `json:"source"`
	Programs int               `json:"programs"` // recorded: the source's weight
	First    quantiles         `json:"first"`    // context
	Turns    [fifths]quantiles `json:"turns"`    // of the programs in each fifth by first context
	Shared   []sharedPrefix    `json:"shared"`

	// A context keeps all that the turn before left with probability Kept;
	// otherwise it keeps that turn's context less its last Cut tokens.
	Kept float64   `json:"kept"`
	Cut  quantiles `json:"cut"`

	// Resets are the resets of contexts, by their length; after a turn with a
	// reset the next has one with probability ResetAgain, whatever its length.
	Resets     []resets `json:"resets"`
	ResetAgain float64  `json:"reset_again"`

	// Growth is the mean input behind contexts of From tokens or more, up to the
	// next From, over that behind all.
	Growth [fifths]growth `json:"growth"`

	// Alike is how programs differ as a whole: the correlations between their
	// traits. Series are how turns depend on the program and on each other.
	Alike  [traits][traits]float64 `json:"alike"`
	Series [series]dependence      `json:"series"`

	Answer quantiles `json:"answer"` // output of the last turn
	Start  []int     `json:"start"`  // how often each call is a program's first
	Calls  []call    `json:"-"`
}

const fifths = 5

// sharedPrefix is a prefix that Programs recorded programs share.
type sharedPrefix struct {
	Key      string `json:"key"`
	Tokens   int64  `json:"tokens"`
	Programs int    `json:"programs"`
}

// call is the profile of turns that end with a call of one tool with one class
// of arguments.
type call struct {
	Tool   string    `json:"tool"`
	Class  string    `json:"class,omitempty"`
	Human  bool      `json:"human,omitempty"`
	Count  int       `json:"count"`
	Output quantiles `json:"output"`
	Gap    quantiles `json:"gap_ms"`
	Input  quantiles `json:"input"` // of the turn behind it, if that is not reset
	Then   []int     `json:"then"`  // how often each call is the next turn's
}

// resets says how contexts of From tokens or more, up to the next resets' From,
// are rewritten: with a probability at each turn, to Context thousandths of the
// length, of which they keep Kept thousandths of the length. Agents that
// compact a context near the model's limit show in the length.
type resets struct {
	From        programs.Tokens `json:"from"`
	Probability float64         `json:"probability"`
	Context     quantiles       `json:"context"`
	Kept        quantiles       `json:"kept"`
}

// growth is how much faster than others contexts of a length grow.
type growth struct {
	From   programs.Tokens `json:"from"`
	Factor float64         `json:"factor"`
}

// What programs differ in as a whole. The first of them are series, with a value
// a turn.
type trait int

const (
	inputTrait  trait = iota
	outputTrait       // of a turn that ends with a call
	gapTrait
	turnsTrait
	firstTrait // context

	traits = iota
	series = gapTrait + 1
)

// dependence says how much a turn's value has to do with others of its program,
// in normal scores.
type dependence struct {
	Program float64 `json:"program"` // share of the variance that lies between programs
	Memory  float64 `json:"memory"`  // correlation of what is left with that of the turn before
}

//go:embed profiles
var profileFiles embed.FS

// profileOf is the profile that ships under the name, or an error that wraps
// [io/fs.ErrNotExist].
func profileOf(name string) (*profile, error) {
	file, err := profileFiles.ReadFile("profiles/" + name + ".jsonl")
	if err != nil {
		return nil, err
	}
	p, err := decodeProfile(file)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	return p, nil
}

// encode writes a line for each source, followed by lines for its calls.
func (p *profile) encode() ([]byte, error) {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	for _, s := range p.sources {
		if err := lines.Encode(s); err != nil {
			return nil, err
		}
		for i := range s.Calls {
			if err := lines.Encode(&s.Calls[i]); err != nil {
				return nil, err
			}
		}
	}
	return b.Bytes(), nil
}

// decodeProfile reads what encode wrote. A source has as many calls as Start.
func decodeProfile(file []byte) (*profile, error) {
	p := new(profile)
	lines := json.NewDecoder(bytes.NewReader(file))
	for {
		s := new(sourceProfile)
		err := lines.Decode(s)
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		s.Calls = make([]call, len(s.Start))
		for i := range s.Calls {
			if err := lines.Decode(&s.Calls[i]); err != nil {
				return nil, fmt.Errorf("call %d of %s: %w", i, s.Source, err)
			}
		}
		p.sources = append(p.sources, s)
	}
}
