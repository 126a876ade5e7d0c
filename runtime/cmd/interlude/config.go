package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// byteSize is a number of bytes that people write as 512MiB or 2GiB.
type byteSize int64

var byteUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads a size.
func (b *byteSize) UnmarshalText(text []byte) error {
	s, factor := strings.TrimSpace(string(text)), int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || v*float64(factor) > 1<<60 {
		return fmt.Errorf("%q is no size; write 512MiB or 2GiB", text)
	}
	*b = byteSize(v * float64(factor))
	return nil
}

// file is a configuration file as kong asks it.
type file struct {
	path   string
	values map[string]any
	err    error
}

// configFile reads the file that --config or the environment names, or the one at
// its usual place.
func configFile(args []string) kong.Resolver {
	f := &file{path: os.Getenv("INTERLUDE_CONFIG")}
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			f.path = v
		} else if a == "--config" && i+1 < len(args) {
			f.path = args[i+1]
		}
	}
	named := f.path != ""
	if !named {
		dir, err := os.UserConfigDir()
		if err != nil {
			return f
		}
		f.path = filepath.Join(dir, "interlude", "config.json")
	}
	data, err := os.ReadFile(f.path)
	switch {
	case os.IsNotExist(err) && !named:
	case err != nil:
		f.err = fmt.Errorf("configuration: %w", err)
	default:
		if err := json.Unmarshal(data, &f.values); err != nil {
			f.err = fmt.Errorf("configuration %s: %w", f.path, err)
		}
	}
	return f
}

// Validate refuses keys that no command has.
func (f *file) Validate(app *kong.Application) error {
	if f.err != nil {
		return f.err
	}
	var known []string
	for _, flags := range app.AllFlags(true) {
		for _, flag := range flags {
			known = append(known, flag.Name)
		}
	}
	for _, cmd := range app.Leaves(true) {
		for _, flags := range cmd.AllFlags(true) {
			for _, flag := range flags {
				known = append(known, flag.Name)
			}
		}
	}
	for key := range f.values {
		if !slices.Contains(known, key) {
			return fmt.Errorf("configuration %s: no setting is called %q; did you mean %q?", f.path, key, nearest(key, known))
		}
	}
	return nil
}

// Resolve gives a flag its value from the file, unless the environment has one.
func (f *file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, ok := os.LookupEnv(env); ok {
			return nil, nil
		}
	}
	v, ok := f.values[flag.Name]
	if !ok {
		return nil, nil
	}
	return fmt.Sprint(v), nil
}

// nearest is the candidate with the smallest edit distance.
func nearest(word string, candidates []string) string {
	best, least := "", 1<<30
	for _, c := range candidates {
		if d := editDistance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
