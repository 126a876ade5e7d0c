package doctor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/runtime/pull"
)

// machineWith is a machine whose files are only these.
func machineWith(t *testing.T, files map[string]string) machine {
	t.Helper()
	m := machine{root: t.TempDir(), arch: runtime.GOARCH}
	for name, body := range files {
		if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.path(name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// library is an ELF file of this machine's architecture: the test itself.
func library(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMachineChecks(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		arch  string
		check func(machine) Check
		want  Status
		found string // part of what is said
	}{
		{"a fast cpu", map[string]string{"/proc/cpuinfo": "model name\t: AMD EPYC\nflags\t\t: sse2 avx2 fma f16c avx512f\n"}, "amd64",
			machine.cpu, OK, "AMD EPYC with avx2 fma f16c avx512f"},
		{"an old cpu", map[string]string{"/proc/cpuinfo": "model name\t: Xeon\nflags\t\t: sse2 avx f16c\n"}, "amd64",
			machine.cpu, Warn, "without avx2 fma"},
		{"an arm", map[string]string{"/proc/cpuinfo": "Features\t: fp asimd asimddp i8mm\n"}, "arm64",
			machine.cpu, OK, "arm64 with asimd asimddp i8mm"},
		{"another architecture", nil, "riscv64", machine.platform, Fail, "riscv64"},

		{"memory", map[string]string{"/proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n"}, "amd64",
			machine.memory, OK, "4.1 GB available of 8.2 GB"},
		{"little memory", map[string]string{"/proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 400000 kB\n"}, "amd64",
			machine.memory, Warn, "409.6 MB"},
		{"a small container", map[string]string{
			"/proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n", "/proc/self/cgroup": "0::/a/b\n",
			"/sys/fs/cgroup/a/memory.max": "536870912\n", "/sys/fs/cgroup/a/b/memory.max": "max\n"}, "amd64",
			machine.memory, Warn, "limited to 536.9 MB"},
		{"a generous container", map[string]string{
			"/proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n", "/proc/self/cgroup": "0::/\n",
			"/sys/fs/cgroup/memory.max": "9223372036854771712\n"}, "amd64",
			machine.memory, OK, "of 8.2 GB"},
		{"no /proc", nil, "amd64", machine.memory, Warn, "unknown"},

		{"root's priority", map[string]string{"/proc/self/status": "Name:\tx\nCapEff:\t000001ffffffffff\n"}, "amd64",
			machine.priority, OK, "CAP_SYS_NICE"},
		{"a nice limit", map[string]string{"/proc/self/status": "CapEff:\t0\n",
			"/proc/self/limits": "Limit   Soft Limit  Hard Limit  Units\nMax nice priority         30     30  \nMax realtime priority     0   0\n"}, "amd64",
			machine.priority, OK, "nice -10"},
		{"a real-time limit", map[string]string{"/proc/self/limits": "Max nice priority   0 0\nMax realtime priority   95 95\n"}, "amd64",
			machine.priority, OK, "real-time priority 95"},
		{"a plain user", map[string]string{"/proc/self/status": "CapEff:\t0000000000000000\n",
			"/proc/self/limits": "Max nice priority   0 0\nMax realtime priority  0 0\n"}, "amd64",
			machine.priority, Warn, "may not be raised"},

		{"no libc", nil, "amd64", machine.libc, Fail, "libc.so.6 is not found"},
		{"musl", map[string]string{"/lib/ld-musl-x86_64.so.1": ""}, "amd64", machine.libc, Fail, "musl"},
		{"a libc without versions", map[string]string{"/lib/libc.so.6": library(t)}, runtime.GOARCH, machine.libc, Fail, engineGLIBC},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := machineWith(t, c.files)
			m.arch = c.arch
			got := c.check(m)
			if got.Status != c.want || !strings.Contains(got.Found, c.found) {
				t.Errorf("got %v %q, want %v with %q", got.Status, got.Found, c.want, c.found)
			}
			if got.Status != OK && got.Status != Warn && got.Do == "" {
				t.Errorf("%q fails and says nothing of what to do", got.Found)
			}
		})
	}
}

func TestFind(t *testing.T) {
	lib := library(t)
	foreign := []byte(lib)
	binary.LittleEndian.PutUint16(foreign[18:], 8) // e_machine: MIPS
	m := machineWith(t, map[string]string{
		"/usr/lib/liba.so.1":  lib,
		"/opt/cuda/libb.so.1": lib,
		"/lib64/libc.so.1":    string(foreign),
		"/usr/lib/libc.so.1":  "INPUT(-lc)",
		"/deep/libd.so.1":     lib,
		"/lib32/libe.so.1":    string(foreign),
		"/lib/x/libe.so.1":    lib,
		"/etc/ld.so.cache":    linkerCache("libd.so.1", "/deep/libd.so.1", "libe.so.1", "/lib32/libe.so.1", "libe.so.1", "/lib/x/libe.so.1", "libf.so.1", "/gone"),
	})
	m.libraryPath = "/nowhere:" + m.path("/opt/cuda")
	for name, want := range map[string]string{
		"liba.so.1": "/usr/lib/liba.so.1",  // a default folder
		"libb.so.1": "/opt/cuda/libb.so.1", // LD_LIBRARY_PATH
		"libc.so.1": "",                    // another architecture, and a script
		"libd.so.1": "/deep/libd.so.1",     // the cache
		"libe.so.1": "/lib/x/libe.so.1",    // the cache, past another architecture
		"libf.so.1": "",                    // the cache is out of date
		"libg.so.1": "",
	} {
		if want != "" {
			want = m.path(want)
		}
		if got := m.find(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := m.find("libe.so.1", m.path("/lib/x")), m.path("/lib/x/libe.so.1"); got != want {
		t.Errorf("beside: got %q, want %q", got, want)
	}
}

// linkerCache is an /etc/ld.so.cache with these names and paths.
func linkerCache(pairs ...string) string {
	n := len(pairs) / 2
	strs := uint32(48 + 24*n)
	var entries, text []byte
	for i := 0; i < len(pairs); i += 2 {
		name := strs + uint32(len(text))
		text = append(append(text, pairs[i]...), 0)
		path := strs + uint32(len(text))
		text = append(append(text, pairs[i+1]...), 0)
		for _, v := range []uint32{0x303, name, path, 0, 0, 0} {
			entries = binary.NativeEndian.AppendUint32(entries, v)
		}
	}
	head := []byte("glibc-ld.so.cache1.1")
	head = binary.NativeEndian.AppendUint32(head, uint32(n))
	head = append(head, make([]byte, 48-len(head))...)
	return "an older table" + string(head) + string(entries) + string(text)
}

func FuzzLinkerCache(f *testing.F) {
	whole := []byte(linkerCache("liba.so.1", "/lib/liba.so.1"))
	f.Add(whole)
	f.Add(whole[:70])
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, path := range cached(file, "liba.so.1") {
			if !bytes.Contains(file, []byte(path)) {
				t.Errorf("%q is not in the file", path)
			}
		}
	})
}

func TestNewest(t *testing.T) {
	got := newest([]string{"GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.9", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GLIBCXX_3.4.30"}, "GLIBC")
	if got != "GLIBC_2.34" {
		t.Errorf("got %s", got)
	}
	if got := newest([]string{"GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "GLIBCXX_3.4"}, "GLIBCXX"); got != "GLIBCXX_3.4.30" {
		t.Errorf("got %s", got)
	}
}

// The system's own C++ library asks for what a system has; nothing of it is in
// an empty one.
func TestUnmet(t *testing.T) {
	here := thisMachine()
	real := here.find("libstdc++.so.6")
	if real == "" {
		t.Skip("this system has no libstdc++")
	}
	dir := t.TempDir()
	if err := os.Symlink(real, filepath.Join(dir, "libggml-cpu-x.so")); err != nil {
		t.Fatal(err)
	}
	if got := here.unmet(dir, pull.CPU); len(got) != 0 {
		t.Errorf("on this system: %q", got)
	}
	bare := machineWith(t, nil)
	if got := bare.unmet(dir, pull.CPU); !slices.Contains(got, "libc.so.6 is not found") {
		t.Errorf("on a bare system: %q", got)
	}
	// A backend that is not asked for may lack what it likes.
	if err := os.WriteFile(filepath.Join(dir, "libggml-cuda.so"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := here.unmet(dir, pull.CPU); len(got) != 0 {
		t.Errorf("with a broken backend of another device: %q", got)
	}
	if got := here.unmet(dir, pull.CUDA); len(got) != 1 {
		t.Errorf("with a broken backend of this device: %q", got)
	}
	// A C library that provides other versions than are asked for.
	old := machineWith(t, nil)
	if err := os.MkdirAll(old.path("/lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, old.path("/lib/libc.so.6")); err != nil {
		t.Fatal(err)
	}
	if got := old.unmet(dir, pull.CPU); !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, "libc.so.6 is too old: it has no GLIBC_")
	}) {
		t.Errorf("on an old system: %q", got)
	}
}

func TestDevices(t *testing.T) {
	lib := library(t)
	cuda := map[string]string{"/usr/lib/libcuda.so.1": lib, "/usr/lib/libcudart.so.13": lib, "/usr/lib/libcublas.so.13": lib}
	card := map[string]string{"/dev/nvidia0": ""}
	with := func(parts ...map[string]string) map[string]string {
		all := map[string]string{}
		for _, p := range parts {
			for k, v := range p {
				all[k] = v
			}
		}
		return all
	}
	for _, c := range []struct {
		name    string
		files   map[string]string
		auto    pull.Device
		missing int // of CUDA
	}{
		{"nothing", nil, pull.CPU, 3},
		{"a card alone", card, pull.CPU, 3},
		{"a card and its driver", with(card, map[string]string{"/usr/lib/libcuda.so.1": lib}), pull.CPU, 2},
		{"libraries and no card", cuda, pull.CPU, 0},
		{"all of it", with(card, cuda), pull.CUDA, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := machineWith(t, c.files)
			if got := m.missing(pull.CUDA); len(got) != c.missing {
				t.Errorf("missing %q, want %d", got, c.missing)
			}
			if runtime.GOARCH == "amd64" {
				if got, why := m.auto(); got != c.auto {
					t.Errorf("auto is %s (%s), want %s", got, why, c.auto)
				}
			}
			wanted, unwanted := m.device(pull.CUDA, true), m.device(pull.CUDA, false)
			if (wanted.Status == Fail) != (c.missing > 0) || unwanted.Status != OK {
				t.Errorf("wanted %v, unwanted %v", wanted.Status, unwanted.Status)
			}
		})
	}
	if got := machineWith(t, nil).missing(pull.CPU); len(got) != 0 {
		t.Errorf("the CPU lacks %q", got)
	}
}

func TestArtefacts(t *testing.T) {
	t.Setenv("INTERLUDE_ENGINE_DIR", "")
	t.Setenv("PATH", "")
	p, err := pull.New(pull.Options{Dir: filepath.Join(t.TempDir(), "not", "yet")})
	if err != nil {
		t.Fatal(err)
	}
	m := thisMachine()
	if got := cache(p); got.Status == Fail || !strings.Contains(got.Found, p.Dir()) {
		t.Errorf("cache: %+v", got)
	}
	if exists(p.Dir()) {
		t.Error("looking at the cache made it")
	}
	if got := model(p, ""); got.Status != Warn || !strings.Contains(got.Do, "pull") {
		t.Errorf("an absent model: %+v", got)
	}
	if got := model(p, "no-such-model"); got.Status != Fail {
		t.Errorf("an impossible model: %+v", got)
	}
	if got := m.engine(p, "abacus"); got.Status != Fail {
		t.Errorf("an impossible device: %+v", got)
	}
	if got := clients(); got.Status != Warn || got.Do == "" {
		t.Errorf("no clients: %+v", got)
	}
}

func TestRunOnThisMachine(t *testing.T) {
	p, err := pull.New(pull.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checks := Run(t.Context(), Options{Puller: p})
	var names []string
	for _, c := range checks {
		names = append(names, c.Name)
		if c.Found == "" {
			t.Errorf("%s found nothing", c.Name)
		}
	}
	want := []string{"platform", "libc", "libstdc++", "cpu", "cores", "memory", "priority", "cache", "engine", "model", "clients", "nvml", "cuda", "vulkan"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("checked %q, want %q", names, want)
	}
}

func TestWrite(t *testing.T) {
	checks := []Check{
		{Name: "cpu", Found: "fast"},
		{Name: "engine", Status: Fail, Found: "gone", Do: "fetch it"},
	}
	var b strings.Builder
	if err := Write(&b, checks); err != nil {
		t.Fatal(err)
	}
	const want = "ok    cpu     fast\nfail  engine  gone\n              → fetch it\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	if Worst(checks) != Fail || Worst(checks[:1]) != OK || Worst(nil) != OK {
		t.Error("Worst is not the worst")
	}
	if raw, err := json.Marshal(checks[1]); err != nil || string(raw) != `{"name":"engine","status":"fail","found":"gone","do":"fetch it"}` {
		t.Errorf("got %s, %v", raw, err)
	}
}
