package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settings are the flags that a configuration file gives, by their names without
// the dashes. They go behind the command line and the environment.
type settings struct {
	path   string
	values map[string]any
	err    error // the file cannot be used; told when the command line has been parsed
}

// readSettings reads the file that --config or the environment names, or the one
// at its usual place, which may be missing.
func readSettings(args []string) *settings {
	if path := namedFile(args); path != "" {
		return readFile(path)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return &settings{} // no home, no usual place
	}
	s := readFile(filepath.Join(dir, "interlude", "config.yaml"))
	if errors.Is(s.err, fs.ErrNotExist) {
		s.err = nil
	}
	return s
}

// namedFile looks for --config before kong does, which asks for the file's values
// while it parses.
func namedFile(args []string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv("INTERLUDE_CONFIG")
}

// readFile reads YAML, of which JSON is a part.
func readFile(path string) *settings {
	s := &settings{path: path}
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(data, &s.values)
	}
	if err != nil {
		s.err = fmt.Errorf("configuration %s: %w", path, err)
	}
	return s
}

// Validate refuses names that no command has as a flag.
func (s *settings) Validate(app *kong.Application) error {
	if s.err != nil {
		return s.err
	}
	known := flagNames(app)
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("configuration %s: no setting is called %q; did you mean %q?", s.path, name, nearest(name, known))
		}
	}
	return nil
}

// flagNames are those of all commands that make sense in a file.
func flagNames(app *kong.Application) (names []string) {
	for _, command := range app.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				if flag.Name != "help" && flag.Name != "config" {
					names = append(names, flag.Name)
				}
			}
		}
	}
	return names
}

// Resolve gives a flag its value from the file, unless the environment has one.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, ok := os.LookupEnv(env); ok {
			return nil, nil
		}
	}
	value, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	switch value.(type) {
	case string, bool, int, float64:
		return fmt.Sprint(value), nil
	}
	return nil, fmt.Errorf("configuration %s: %q is to be one word or number", s.path, flag.Name)
}

// nearest is the candidate with the smallest edit distance.
func nearest(word string, candidates []string) string {
	return slices.MinFunc(candidates, func(a, b string) int { return editDistance(word, a) - editDistance(word, b) })
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
