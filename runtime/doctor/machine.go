package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/interlude-run/interlude/runtime/pull"
)

// machine is where the checks look.
type machine struct {
	root        string // of the file system; "/"
	libraryPath string // LD_LIBRARY_PATH
	arch        string // GOARCH
}

func thisMachine() machine {
	return machine{root: "/", libraryPath: os.Getenv("LD_LIBRARY_PATH"), arch: runtime.GOARCH}
}

func (m machine) path(p string) string { return filepath.Join(m.root, p) }

func (m machine) read(p string) string {
	b, err := os.ReadFile(m.path(p))
	if err != nil {
		return ""
	}
	return string(b)
}

func (m machine) platform() Check {
	c := Check{Name: "platform", Found: fmt.Sprintf("%s/%s, %s", runtime.GOOS, m.arch, runtime.Version())}
	if runtime.GOOS != "linux" || (m.arch != "amd64" && m.arch != "arm64") {
		c.Status = Fail
		c.Do = "prebuilt engines exist for linux/amd64 and linux/arm64; elsewhere run it in a container or virtual machine"
	}
	return c
}

// cpu names the processor and the vector instructions that decide its speed.
func (m machine) cpu() Check {
	info := m.read("/proc/cpuinfo")
	has := strings.Fields(field(info, "flags") + " " + field(info, "Features"))
	wanted := []string{"avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8"}
	needed := wanted[:3]
	if m.arch == "arm64" {
		wanted = []string{"asimd", "asimddp", "asimdhp", "i8mm", "sve", "sve2"}
		needed = wanted[:2]
	}
	lacks := func(f string) bool { return !slices.Contains(has, f) }
	name := field(info, "model name")
	if name == "" {
		name = m.arch
	}
	c := Check{Name: "cpu", Found: name + " with " + strings.Join(slices.DeleteFunc(slices.Clone(wanted), lacks), " ")}
	if missing := slices.DeleteFunc(slices.Clone(needed), func(f string) bool { return !lacks(f) }); len(missing) > 0 {
		c.Status = Warn
		c.Found += "; without " + strings.Join(missing, " ")
		c.Do = "the engine runs, several times slower than with these instructions; a virtual machine may hide them (cpu type \"host\" passes them on)"
	}
	return c
}

func (m machine) cores() Check {
	n := runtime.GOMAXPROCS(0)
	c := Check{Name: "cores", Found: fmt.Sprintf("%d of %d usable", n, runtime.NumCPU())}
	if n < 2 {
		c.Status = Warn
		c.Do = "with one core serving and generating share it; give it two or more"
	}
	return c
}

const littleMemory = 1 << 30

// memory is what is available now, within what a container is allowed.
func (m machine) memory() Check {
	info := m.read("/proc/meminfo")
	total, avail := kilobytes(field(info, "MemTotal")), kilobytes(field(info, "MemAvailable"))
	c := Check{Name: "memory", Found: fmt.Sprintf("%s available of %s", pull.Size(avail), pull.Size(total))}
	if limit, ok := m.memoryLimit(); ok && limit < total {
		avail = min(avail, limit)
		c.Found += fmt.Sprintf(", limited to %s by the container", pull.Size(limit))
	}
	if total == 0 {
		c.Status, c.Found = Warn, "unknown: /proc/meminfo cannot be read"
	} else if avail < littleMemory {
		c.Status = Warn
		c.Do = "the default model and a small pool need about 1 GB; make the pool smaller with --kv-bytes, or give it more memory"
	}
	return c
}

// memoryLimit is the tightest limit of this process's control groups.
func (m machine) memoryLimit() (limit int64, ok bool) {
	_, group, _ := strings.Cut(m.read("/proc/self/cgroup"), "0::")
	group, _, _ = strings.Cut(group, "\n")
	for dir := filepath.Join("/sys/fs/cgroup", group); ; dir = filepath.Dir(dir) {
		n, err := strconv.ParseInt(strings.TrimSpace(m.read(dir+"/memory.max")), 10, 64)
		if err == nil && (!ok || n < limit) {
			limit, ok = n, true
		}
		if dir == "/sys/fs/cgroup" || len(dir) <= 1 {
			return limit, ok
		}
	}
}

const capSysNice = 23

// priority says whether the compute threads may be put before a busy neighbour's.
func (m machine) priority() Check {
	c := Check{Name: "priority"}
	caps, _ := strconv.ParseUint(field(m.read("/proc/self/status"), "CapEff"), 16, 64)
	nice, realtime := m.limit("Max nice priority"), m.limit("Max realtime priority")
	switch {
	case caps>>capSysNice&1 == 1:
		c.Found = "may be raised (CAP_SYS_NICE)"
	case nice > 20:
		// The limit counts from 1 (nice 19) to 40 (nice -20).
		c.Found = fmt.Sprintf("may be raised to nice %d", 20-nice)
	case realtime > 0:
		c.Found = fmt.Sprintf("may be raised to real-time priority %d", realtime)
	default:
		c.Status = Warn
		c.Found = "may not be raised"
		c.Do = "a busy neighbour can slow generation; to allow it: a line \"<user> - nice -10\" in /etc/security/limits.conf, or LimitNICE=-10 in a systemd unit"
	}
	return c
}

// limit is the soft limit of that name in /proc/self/limits.
func (m machine) limit(name string) int {
	for line := range strings.Lines(m.read("/proc/self/limits")) {
		if rest, ok := strings.CutPrefix(line, name); ok && len(strings.Fields(rest)) > 0 {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}

// field is the value of the first "name : value" line.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

var leadingNumber = regexp.MustCompile(`^[0-9]+`)

func kilobytes(s string) int64 {
	n, _ := strconv.ParseInt(leadingNumber.FindString(s), 10, 64)
	return n << 10
}
