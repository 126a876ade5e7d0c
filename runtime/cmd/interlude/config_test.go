package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/node"
)

// parse is what a command line makes of the flags, with a configuration file of
// the given text at its usual place.
func parse(t *testing.T, file string, env map[string]string, args ...string) (*cli, error) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	for name, value := range env {
		t.Setenv(name, value)
	}
	if file != "" {
		if err := os.MkdirAll(filepath.Join(home, "interlude"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, "interlude", "config.yaml"), []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var c cli
	parser, err := newParser(&c, args)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return &c, err
}

func TestPrecedence(t *testing.T) {
	const file = "max-queue: 30\nmax-tokens: 30\nmax-step: 30 # tokens\n"
	env := map[string]string{"INTERLUDE_MAX_QUEUE": "20", "INTERLUDE_MAX_TOKENS": "20"}
	c, err := parse(t, file, env, "serve", "--max-queue=10")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name      string
		got, want int
	}{
		{"the flag before all", c.Serve.MaxQueue, 10},
		{"the environment before the file", c.Serve.MaxTokens, 20},
		{"the file before the default", c.Serve.MaxStep, 30},
		{"the default", c.Serve.Threads, 0},
	} {
		if f.got != f.want {
			t.Errorf("%s: %d, want %d", f.name, f.got, f.want)
		}
	}
}

// Every kind of value can be written in YAML and in JSON.
func TestFileValues(t *testing.T) {
	for name, file := range map[string]string{
		"yaml": "kv-bytes: 2GiB\nmax-queue: 1000000\nsync-always: true\nmax-age: 36h\ndevice: cpu\nlisten: 127.0.0.1:0\n",
		"json": `{"kv-bytes": 2147483648, "max-queue": 1000000, "sync-always": true, "max-age": "36h", "device": "cpu", "listen": "127.0.0.1:0"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse(t, file, nil, "serve")
			if err != nil {
				t.Fatal(err)
			}
			s := c.Serve
			if s.KVBytes != 2<<30 || s.MaxQueue != 1000000 || !s.SyncAlways || s.MaxAge != 36*time.Hour || s.Device != "cpu" {
				t.Errorf("read as %+v", s)
			}
			if want := (address{"127.0.0.1", 0}); s.Listen != want {
				t.Errorf("listens at %v, want %v", s.Listen, want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, file string
		env        map[string]string
		args       []string
		says       []string // all of it
	}{
		{"an unknown key names the nearest", "kv-byte: 1GiB", nil, []string{"serve"}, []string{"config.yaml", `"kv-byte"`, `"kv-bytes"`}},
		{"of several the first in order", "zzz: 1\nmaxqueue: 1", nil, []string{"serve"}, []string{`"maxqueue"`, `"max-queue"`}},
		{"in commands without settings too", "kv-byte: 1GiB", nil, []string{"version"}, []string{`"kv-bytes"`}},
		{"a file does not name a file", "config: other.yaml", nil, []string{"serve"}, []string{`"config"`}},
		{"a list", "threads: [1, 2]", nil, []string{"serve"}, []string{"threads", "one word or number"}},
		{"nothing", "threads:", nil, []string{"serve"}, []string{"threads", "one word or number"}},
		{"no YAML", "{", nil, []string{"serve"}, []string{"config.yaml", "line 1"}},
		{"twice the same", "threads: 1\nthreads: 2", nil, []string{"serve"}, []string{"threads"}},
		{"a file that is not there", "", nil, []string{"serve", "--config", "/nowhere/x.yaml"}, []string{"/nowhere/x.yaml", "no such file"}},
		{"nor by the environment", "", map[string]string{"INTERLUDE_CONFIG": "/nowhere/y.yaml"}, []string{"serve"}, []string{"/nowhere/y.yaml"}},
		{"a size", "", nil, []string{"serve", "--kv-bytes=12parsecs"}, []string{"12parsecs", "512MiB"}},
		{"a negative size", "", nil, []string{"serve", "--kv-bytes=-1GiB"}, []string{"-1GiB", "512MiB"}},
		{"from the environment", "", map[string]string{"INTERLUDE_KV_BYTES": "much"}, []string{"serve"}, []string{"INTERLUDE_KV_BYTES", "much"}},
		{"an address without a port", "", nil, []string{"serve", "--listen=localhost"}, []string{"localhost", "HOST:PORT"}},
		{"a port that is none", "", nil, []string{"serve", "--listen=localhost:70000"}, []string{"70000"}},
		{"a device", "", nil, []string{"serve", "--device=tpu"}, []string{"tpu", "vulkan"}},
		{"an external server's flags without one", "", nil, []string{"serve", "--creds=a.creds"}, []string{"--creds", "--nats"}},
		{"an embedded server's flags beside another", "", nil, []string{"serve", "--nats=nats://there", "--tenants=t.json"}, []string{"--tenants", "--nats"}},
		{"a weight that is none", "", nil, []string{"serve", "--tenant-weights=acme=0"}, []string{"acme", "weight"}},
		{"a quota of nothing", "", nil, []string{"serve", "--tenant-kv-bytes=acme=0"}, []string{"acme", "quota"}},
		{"a share of nobody", "", nil, []string{"serve", "--tenant-weights=3"}, []string{"TENANT=VALUE"}},
		{"a share of who cannot be", "", nil, []string{"serve", "--tenant-weights=a.b=3"}, []string{"a.b"}},
		{"shares under a policy that has none", "", nil, []string{"serve", "--policy=program-fcfs", "--tenant-weights=a=3"}, []string{"--tenant-weights", "program-fcfs"}},
		{"a negative bound on waits", "", nil, []string{"serve", "--max-wait=-1s"}, []string{"--max-wait is -1s", "0"}},
		{"a negative time to forget after", "", nil, []string{"serve", "--forget-after=-1h"}, []string{"--forget-after is -1h", "0"}},
		{"a simulation with the same", "", nil, []string{"sim", "--forget-after=-1h"}, []string{"--forget-after is -1h", "0"}},
		{"a tiny bound on waits", "", nil, []string{"serve", "--max-wait-background=20ms"}, []string{"--max-wait-background is 20ms", "1s"}},
		{"shedding without a bound", "max-wait: 0s\nmax-wait-background: 0s", nil, []string{"serve", "--shed"}, []string{"--shed", "--max-wait"}},
		{"a simulation with a negative bound", "", nil, []string{"sim", "--max-wait=-1s"}, []string{"--max-wait", "-1s"}},
		{"two shares of one", "", nil, []string{"serve", "--tenant-weights=a=3,a=4"}, []string{"twice"}},
		{"a promise that an external server does not keep", "", nil, []string{"serve", "--nats=nats://there", "--sync-always"}, []string{"--sync-always", "--nats"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, c.file, c.env, c.args...)
			if err == nil {
				t.Fatal("not refused")
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

// Weights and quotas of tenants come together, from wherever they are set.
func TestShares(t *testing.T) {
	c, err := parse(t, "tenant-kv-bytes: b=1GiB,a=512MiB\n", map[string]string{"INTERLUDE_TENANT_WEIGHTS": "c=0.5, b=3"}, "serve")
	if err != nil {
		t.Fatal(err)
	}
	got := shares(c.Serve.TenantWeights, c.Serve.TenantQuotas)
	want := []node.Share{{Tenant: "a", KVBytes: 512 << 20}, {Tenant: "b", Weight: 3, KVBytes: 1 << 30}, {Tenant: "c", Weight: 0.5}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestWaits: bounds on waits, and what becomes of turns that cannot be promised them, from
// flags, file and environment to the scheduler's guard.
func TestWaits(t *testing.T) {
	guard := func(interactive, background programs.Duration, shed bool) sched.Guard {
		g := sched.DefaultGuard
		g.Bound = [programs.Classes]programs.Duration{programs.Interactive: interactive, programs.Background: background}
		g.Shed = shed
		return g
	}
	for _, c := range []struct {
		name, file string
		env        map[string]string
		args       []string
		want       sched.Guard
	}{
		{"by default", "", nil, nil, sched.DefaultGuard},
		{"by flags", "", nil, []string{"--max-wait=90s", "--max-wait-background=24h", "--shed"}, guard(90*programs.Second, 24*programs.Hour, true)},
		{"by the environment and the file", "max-wait-background: 0s", map[string]string{"INTERLUDE_MAX_WAIT": "1m", "INTERLUDE_SHED": "true"}, nil, guard(programs.Minute, 0, true)},
		{"none", "max-wait: 0", nil, []string{"--max-wait-background=0"}, guard(0, 0, false)},
	} {
		t.Run(c.name, func(t *testing.T) {
			cli, err := parse(t, c.file, c.env, append([]string{"serve"}, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := cli.Serve.guard(); *got != c.want {
				t.Errorf("%+v, want %+v", *got, c.want)
			}
		})
	}
	for args, want := range map[string]programs.Duration{"": sched.DefaultGuard.Bound[programs.Interactive], "--max-wait=30s": 30 * programs.Second, "--max-wait=0s": 0} {
		cli, err := parse(t, "", nil, strings.Fields("sim "+args)...)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := cli.Sim.rules(); err != nil || r.MaxWait() != want {
			t.Errorf("sim %s promises %v (%v), want %v", args, r.MaxWait(), err, want)
		}
	}
}

// TestForgetAfter: serve forgets programs after a day, or as its setting says, of which 0
// is never.
func TestForgetAfter(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want time.Duration
	}{
		{"by default", nil, nil, 24 * time.Hour},
		{"by the environment", map[string]string{"INTERLUDE_FORGET_AFTER": "30m"}, nil, 30 * time.Minute},
		{"by a flag", nil, []string{"--forget-after=90s"}, 90 * time.Second},
		{"never", nil, []string{"--forget-after=0"}, node.Never},
	} {
		t.Run(c.name, func(t *testing.T) {
			cli, err := parse(t, "", c.env, append([]string{"serve"}, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := cli.Serve.forgetAfter(); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "1024": 1024, "512MiB": 512 << 20, "1.5GiB": 3 << 29, "2 GiB": 2 << 30, "1GB": 1e9, "7B": 7, "1KiB": 1024,
	} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q is %d (%v), want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "1e30", "NaN", "inf", "1PB", "0x10p"} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d", text, b)
		}
	}
}

// Every flag that a file can give has a name in the environment that says the
// same, and every help text is one.
func TestFlagsAreDocumented(t *testing.T) {
	var c cli
	parser, err := newParser(&c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Leaves(true) {
		for _, group := range command.AllFlags(true) {
			for _, flag := range group {
				checkFlag(t, command.Name, flag)
			}
		}
	}
}

func checkFlag(t *testing.T, command string, flag *kong.Flag) {
	t.Helper()
	if flag.Help == "" {
		t.Errorf("%s --%s has no help", command, flag.Name)
	}
	for _, env := range flag.Envs {
		if !strings.HasPrefix(env, "INTERLUDE_") {
			t.Errorf("%s --%s: %s is not ours", command, flag.Name, env)
		}
	}
	if command == "serve" && flag.Name != "help" && len(flag.Envs) != 1 {
		t.Errorf("serve --%s has no variable in the environment", flag.Name)
	}
}
