package doctor

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/runtime/pull"
)

// find is where the dynamic linker would take a shared library from, or "".
// It looks in LD_LIBRARY_PATH, beside the library that asks, in the linker's
// cache and in its default folders.
func (m machine) find(name string, beside ...string) string {
	var places []string
	for _, dir := range filepath.SplitList(m.libraryPath) {
		places = append(places, filepath.Join(dir, name))
	}
	for _, dir := range beside {
		places = append(places, filepath.Join(dir, name))
	}
	for _, path := range cached([]byte(m.read("/etc/ld.so.cache")), name) {
		places = append(places, m.path(path))
	}
	for _, dir := range []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"} {
		places = append(places, m.path(filepath.Join(dir, name)))
	}
	for _, path := range places {
		if m.loadable(path) {
			return path
		}
	}
	return ""
}

// loadable tells a library of this machine from one of another architecture,
// a linker script or a dangling link.
func (m machine) loadable(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[m.arch]
	return f.Class == elf.ELFCLASS64 && f.Machine == want
}

// cached lists the paths that /etc/ld.so.cache has for a name. The file begins
// with a header of 48 bytes (an older table may come before it), then entries of
// 24 bytes: flags, offset of the name, offset of the path, two words that narrow
// the choice. Offsets count from the header.
func cached(file []byte, name string) []string {
	const header, entry = 48, 24
	at := bytes.Index(file, []byte("glibc-ld.so.cache1.1"))
	if at < 0 || len(file)-at < header {
		return nil
	}
	file = file[at:]
	text := func(offset uint32) string {
		if uint64(offset) >= uint64(len(file)) {
			return ""
		}
		s, _, _ := bytes.Cut(file[offset:], []byte{0})
		return string(s)
	}
	var paths []string
	n := binary.NativeEndian.Uint32(file[20:])
	for e := file[header:]; n > 0 && len(e) >= entry; n, e = n-1, e[entry:] {
		if text(binary.NativeEndian.Uint32(e[4:])) == name {
			paths = append(paths, text(binary.NativeEndian.Uint32(e[8:])))
		}
	}
	return paths
}

// versions lists the symbol versions that a library provides, e.g. GLIBC_2.34.
func versions(path string) []string {
	f, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	provided, err := f.DynamicVersions()
	if err != nil {
		return nil
	}
	var names []string
	for _, v := range provided {
		names = append(names, v.Name)
	}
	return names
}

// unmet lists what the libraries in dir ask for and the dynamic linker would
// not find: libraries that are not there, and symbol versions that are too new.
// Backends of other devices are passed over, as ggml does with what does not load.
func (m machine) unmet(dir string, d pull.Device) []string {
	libraries, _ := filepath.Glob(filepath.Join(dir, "lib*.so*"))
	provided := map[string][]string{} // symbol versions by library found
	missing := map[string]bool{}
	for _, path := range libraries {
		if b := backend(path); b != "" && b != string(d) {
			continue
		}
		f, err := elf.Open(path)
		if err != nil {
			missing[filepath.Base(path)+" is not a shared library"] = true
			continue
		}
		needs, _ := f.ImportedLibraries()
		wanted, _ := f.DynamicVersionNeeds()
		f.Close()
		for _, name := range needs {
			if _, seen := provided[name]; seen {
				continue
			}
			at := m.find(name, dir)
			if at == "" {
				missing[name+" is not found"] = true
			}
			provided[name] = versions(at)
		}
		for _, w := range wanted {
			for _, v := range w.Needs {
				if has := provided[w.Name]; len(has) > 0 && !slices.Contains(has, v.Dep) {
					missing[w.Name+" is too old: it has no "+v.Dep] = true
				}
			}
		}
	}
	var list []string
	for what := range missing {
		list = append(list, what)
	}
	slices.Sort(list)
	return list
}

// backend is the device that a ggml library is for; "" when every device needs it.
func backend(path string) string {
	name, ok := strings.CutPrefix(filepath.Base(path), "libggml-")
	name, _, _ = strings.Cut(name, ".")
	if !ok || name == "base" || name == "cpu" || strings.HasPrefix(name, "cpu-") {
		return ""
	}
	return name
}

// What the prebuilt engine asks for, so that it can be said before it is fetched.
const (
	engineGLIBC   = "GLIBC_2.34"
	engineGLIBCXX = "GLIBCXX_3.4.29"
	cardsGLIBCXX  = "GLIBCXX_3.4.30" // with CUDA or Vulkan
)

func (m machine) libc() Check {
	c := m.provides("libc", "libc.so.6", engineGLIBC)
	if musl, _ := filepath.Glob(m.path("/lib/ld-musl-*.so.1")); c.Status == Fail && len(musl) > 0 {
		c.Found = "musl, and the prebuilt engine needs glibc"
		c.Do = "use an image with glibc (Debian 12, Ubuntu 22.04 or later), or build llama.cpp yourself and set INTERLUDE_ENGINE_DIR"
	}
	return c
}

func (m machine) libstdcxx(d pull.Device) Check {
	version := engineGLIBCXX
	if d != pull.CPU {
		version = cardsGLIBCXX
	}
	return m.provides("libstdc++", "libstdc++.so.6", version)
}

// provides checks one system library for the symbol version that the engine asks for.
func (m machine) provides(name, library, version string) Check {
	c := Check{Name: name}
	path := m.find(library)
	if path == "" {
		c.Status = Fail
		c.Found = library + " is not found"
		c.Do = "install it (Debian, Ubuntu: libc6 libstdc++6; Fedora: glibc libstdc++)"
		return c
	}
	has := versions(path)
	family, _, _ := strings.Cut(version, "_")
	c.Found = newest(has, family) + " in " + path
	if !slices.Contains(has, version) {
		c.Status = Fail
		c.Found += "; the prebuilt engine needs " + version
		c.Do = "use a newer system (Debian 12, Ubuntu 22.04 or later), or build llama.cpp here and set INTERLUDE_ENGINE_DIR"
	}
	return c
}

// newest is the highest version of a family: GLIBC_2.9 comes before GLIBC_2.34.
func newest(versions []string, family string) string {
	best := ""
	for _, v := range versions {
		if number, ok := strings.CutPrefix(v, family+"_"); ok && leadingNumber.MatchString(number) &&
			(best == "" || compareDotted(v, best) > 0) {
			best = v
		}
	}
	if best == "" {
		return "no " + family + " version"
	}
	return best
}

// compareDotted orders names by their numbers; longer numbers are greater.
func compareDotted(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
