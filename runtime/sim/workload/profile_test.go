package workload

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "measure the profiles anew")

// TestProfilesAreMeasured compares the profiles that ship with what the traces
// give, where there are traces.
func TestProfilesAreMeasured(t *testing.T) {
	dir := tracesDir(t)
	for _, name := range []string{"agentcgroup", "swebench-mini", "weka"} {
		t.Run(name, func(t *testing.T) {
			s, err := Load(dir, name, MaxGap(0))
			if errors.Is(err, fs.ErrNotExist) {
				t.Skipf("not compared: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := measure(s.Programs).encode()
			if err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				if err := os.WriteFile("profiles/"+name+".jsonl", got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := profileFiles.ReadFile("profiles/" + name + ".jsonl")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("profiles/%s.jsonl is not what %s gives; go test -rewrite measures it anew", name, s.Source)
			}
		})
	}
}

// tracesDir is the folder of recorded traces, if there is one.
func tracesDir(t *testing.T) string {
	dir := os.Getenv("INTERLUDE_TRACES")
	if dir == "" {
		dir = "../../../../shared/traces"
	}
	t.Logf("traces are looked for in %s", dir)
	return dir
}
