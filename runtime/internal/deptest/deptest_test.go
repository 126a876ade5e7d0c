package deptest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/interlude-run/interlude"

// TestArrows holds every import of every package to the rules.
func TestArrows(t *testing.T) {
	for _, p := range list(t) {
		a, ok := arrowOf(p.path)
		if !ok {
			t.Errorf("%s is under no rule: say in arrows_test.go what it may import, and why", p.path)
			continue
		}
		for _, imported := range p.imports {
			within, inModule := strings.CutPrefix(imported, module+"/")
			switch {
			case inModule && !fits(within, a.may...):
				t.Errorf("%s imports %s, and may import %v: %s", p.path, within, a.may, a.why)
			case slices.Contains(a.not, imported):
				t.Errorf("%s imports %s: %s", p.path, imported, a.why)
			}
			for _, f := range foreign {
				if strings.HasPrefix(imported, f.prefix) && !fits(p.path, f.only...) {
					t.Errorf("%s imports %s, which only %v may: %s", p.path, imported, f.only, f.why)
				}
			}
		}
	}
}

// TestPatterns is for the rules' own language.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		path, pattern string
		want          bool
	}{
		{"gpu", "gpu", true},
		{"gpu/engine", "gpu", false},
		{"gpu", "gpu/...", true},
		{"gpu/internal/ggml", "gpu/...", true},
		{"gpus", "gpu/...", false},
		{"runtime/cmd/interlude", "...", true},
	} {
		if got := fits(c.path, c.pattern); got != c.want {
			t.Errorf("%s fits %s: %v, want %v", c.path, c.pattern, got, c.want)
		}
	}
}

func arrowOf(path string) (a arrow, ok bool) {
	for _, a := range arrows {
		if fits(path, a.pkg) {
			return a, true
		}
	}
	return arrow{}, false
}

// fits tells whether a path within the module matches one of the patterns.
func fits(path string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		below, open := strings.CutSuffix(pattern, "...")
		if !open {
			return path == pattern
		}
		return strings.HasPrefix(path+"/", below)
	})
}

type pkg struct {
	path    string // within the module
	imports []string
}

// list asks the go command for the packages of the module and what they import.
func list(t *testing.T) (pkgs []pkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(pkgs) == 0 {
				t.Fatal("go list names no package")
			}
			return pkgs
		case err != nil:
			t.Fatalf("read what go list says: %v", err)
		}
		pkgs = append(pkgs, pkg{strings.TrimPrefix(p.ImportPath, module+"/"), p.Imports})
	}
}
