package gpu

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/gguf"
)

// measured is what was measured on this machine for models of one kind. A zero
// field has not been: neither what a user chose nor a default is ever kept.
type measured struct {
	Storages  map[string]string `json:",omitempty"` // the fastest storage of matrices, a key of storages, by their type in the file
	FlashFrom int               `json:",omitempty"` // rows of a chunk from which flash attention over a copy is faster
}

// tuneFile keeps measurements from one start to the next. The key is all that they
// depend on.
type tuneFile struct {
	path string // empty: nothing is kept
	key  string
}

// newTuneFile is the file's entry for e. The libraries' commit is in the key since
// their kernels are what was measured, and so are the types of the tensors, which
// tell models apart that have the same shape.
func newTuneFile(e *Engine, f *gguf.File) tuneFile {
	h, l := e.hyper, e.options.Layout
	count := map[string]int{}
	for _, t := range f.Tensors {
		count[ggml.GoString(e.lib.TypeName(t.Type))]++
	}
	var types []string
	for name, n := range count {
		types = append(types, fmt.Sprintf("%s×%d", name, n))
	}
	slices.Sort(types)
	return tuneFile{e.options.TuneFile, fmt.Sprintf("%s, ggml %s (%s), %d threads, layers %d embd %d ffn %d heads %d/%d×%d of %s, K %s, V %s",
		e.device.name, e.lib.Version, e.lib.Commit, e.threads.pace.all, h.layers, h.embd, h.ffn, h.heads, h.kvHeads, h.headDim,
		strings.Join(types, " "), e.options.KType, l)}
}

// load reads what an earlier start has measured. A file that cannot be read is one
// that measures anew.
func (f tuneFile) load() measured {
	m := f.all()[f.key]
	maps.DeleteFunc(m.Storages, func(_, name string) bool { return storages[name] == nil })
	if m.FlashFrom < 2 {
		m.FlashFrom = 0
	}
	return m
}

// save adds measurements to the file. It is a cache: failing to write it costs the
// next start a second.
func (f tuneFile) save(m measured) {
	if f.path == "" {
		return
	}
	all := f.all()
	was := all[f.key]
	if m.Storages == nil {
		m.Storages = was.Storages
	}
	if m.FlashFrom == 0 {
		m.FlashFrom = was.FlashFrom
	}
	all[f.key] = m
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return
	}
	tmp := fmt.Sprintf("%s.%d", f.path, os.Getpid())
	if os.WriteFile(tmp, data, 0o644) == nil {
		_ = os.Rename(tmp, f.path)
	}
}

func (f tuneFile) all() map[string]measured {
	all := map[string]measured{}
	if f.path == "" {
		return all
	}
	if data, err := os.ReadFile(f.path); err != nil || json.Unmarshal(data, &all) != nil {
		return map[string]measured{}
	}
	return all
}
