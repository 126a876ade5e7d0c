package ggml

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// The release that the struct mirrors and the graphs are written for.
const (
	PinnedVersion = "0.25.1"
	PinnedCommit  = "0ad4a86"
	PinnedRelease = "v0.5.0" // of llama.cpp; part of the library names
)

// Errors of Open.
var (
	ErrNoLibraries = errors.New("no engine libraries")
	ErrMismatch    = errors.New("engine libraries do not match")
)

// Lib is the loaded library: its fields are C functions under Go names.
type Lib struct {
	base
	registry
	cpu

	Dir     string // where the libraries were loaded from
	Version string // ggml's own version
	Commit  string // what it was built from
	CPU     string // file name of the CPU variant in use
	llama   uintptr
}

var (
	openMu sync.Mutex
	opened *Lib
)

// Open loads and verifies the libraries in dir. A process has one set: a second
// call with the same directory returns the first one's result, and with another
// directory it fails, since libraries that were loaded once stay.
func Open(dir string) (*Lib, error) {
	openMu.Lock()
	defer openMu.Unlock()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("engine libraries: %w", err)
	}
	if opened != nil {
		if opened.Dir != dir {
			return nil, fmt.Errorf("engine libraries of %s: the process already uses those of %s", dir, opened.Dir)
		}
		return opened, nil
	}
	lib := &Lib{Dir: dir}
	if err := lib.load(); err != nil {
		return nil, fmt.Errorf("engine libraries of %s: %w", dir, err)
	}
	opened = lib
	return lib, nil
}

func (l *Lib) load() error {
	// A ggml assertion would otherwise start a debugger for a backtrace.
	os.Setenv("GGML_NO_BACKTRACE", "1")
	baseSO, err := l.dlopen("libggml-base.so", "libggml-base*.so*", "libggml-base*.dylib")
	if err != nil {
		return err
	}
	ggmlSO, err := l.dlopen("libggml.so", "libggml.v*.so", "libggml.so*", "libggml.*dylib")
	if err != nil {
		return err
	}
	if l.llama, err = l.dlopen("libllama.so", "libllama.v*.so", "libllama.so*", "libllama.*dylib"); err != nil {
		return err
	}
	if err := Register(baseSO, &l.base); err != nil {
		return err
	}
	if err := Register(ggmlSO, &l.registry); err != nil {
		return err
	}
	l.Version, l.Commit = GoString(l.versionC()), GoString(l.commitC())
	if l.Version != PinnedVersion || !strings.HasPrefix(l.Commit, PinnedCommit) {
		return fmt.Errorf("%w: found ggml %s (commit %s), expected %s (commit %s); fetch the pinned ones with `interlude pull`",
			ErrMismatch, l.Version, l.Commit, PinnedVersion, PinnedCommit)
	}
	if err := l.silence(); err != nil {
		return err
	}
	l.LoadBackends(l.Dir)
	cpuSO, err := l.openCPU()
	if err != nil {
		return err
	}
	if err := Register(cpuSO, &l.cpu); err != nil {
		return err
	}
	return l.verifyLayouts()
}

// Llama registers the functions of libllama that the tagged fields of table
// name.
func (l *Lib) Llama(table any) error { return Register(l.llama, table) }

// dlopen opens the first file of the directory that matches a pattern, globally
// visible, since the libraries find each other's symbols that way.
func (l *Lib) dlopen(name string, patterns ...string) (uintptr, error) {
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(l.Dir, p))
		if err != nil {
			return 0, err
		}
		if len(files) == 0 {
			continue
		}
		h, err := purego.Dlopen(files[0], purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			return 0, fmt.Errorf("load %s: %w (they need glibc 2.34 or newer and libstdc++)", filepath.Base(files[0]), err)
		}
		return h, nil
	}
	return 0, fmt.Errorf("%w: %s is not there; `interlude pull` fetches them, INTERLUDE_ENGINE_DIR names another build", ErrNoLibraries, name)
}

// openCPU reopens the variant of the CPU backend that ggml chose, found among
// the files mapped into the process.
func (l *Lib) openCPU() (uintptr, error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, fmt.Errorf("find the CPU backend (%s): %w", runtime.GOOS, err)
	}
	for line := range strings.Lines(string(maps)) {
		i := strings.IndexByte(line, '/')
		if i < 0 {
			continue
		}
		path := strings.TrimSpace(line[i:])
		if file := filepath.Base(path); strings.HasPrefix(file, "libggml-cpu") {
			l.CPU = file
			return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		}
	}
	return 0, fmt.Errorf("%w: no CPU backend (libggml-cpu-*.so) that runs on this processor", ErrNoLibraries)
}

// Register resolves the functions named by the `c` tags of the struct that table
// points to. A field of type uintptr receives the address. It fails naming every
// symbol that the library lacks.
func Register(handle uintptr, table any) error {
	v := reflect.ValueOf(table).Elem()
	var missing []string
	for i := range v.NumField() {
		name, ok := v.Type().Field(i).Tag.Lookup("c")
		if !ok {
			continue
		}
		addr, err := purego.Dlsym(handle, name)
		if err != nil {
			missing = append(missing, name)
			continue
		}
		field := reflect.NewAt(v.Field(i).Type(), v.Field(i).Addr().UnsafePointer())
		if v.Field(i).Kind() == reflect.Uintptr {
			field.Elem().SetUint(uint64(addr))
			continue
		}
		purego.RegisterFunc(field.Interface(), addr)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: missing symbols %s", ErrMismatch, strings.Join(missing, ", "))
	}
	return nil
}

// silence drops the chatter of ggml and libllama: what callers must know comes
// back as errors. INTERLUDE_ENGINE_LOG=1 keeps it on stderr.
func (l *Lib) silence() error {
	if os.Getenv("INTERLUDE_ENGINE_LOG") != "" {
		return nil
	}
	var log struct {
		Set func(callback uintptr, data unsafe.Pointer) `c:"llama_log_set"` // sets ggml's too
	}
	if err := l.Llama(&log); err != nil {
		return err
	}
	log.Set(purego.NewCallback(func(level int32, text *byte, data unsafe.Pointer) {}), nil)
	return nil
}
