package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// TestPs shows what a real node has, lists what it has loaded, and completes its programs.
func TestPs(t *testing.T) {
	fetched(t)
	node := serve(t, "--listen=127.0.0.1:0", "--store="+t.TempDir(), "--kv-bytes=64MiB")
	defer node.kill()
	client, err := sdk.Connect(node.url, sdk.Tenant("acme"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	program := client.Program("seen-by-ps")
	answer, err := program.Turn(t.Context(), sdk.Turn{Messages: []sdk.Message{sdk.User("hi")}, Sampling: sdk.Sampling{MaxTokens: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Result(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := program.ToolStarted(t.Context(), sdk.ToolHint{Name: "pytest", ExpectedMS: 60_000}); err != nil {
		t.Fatal(err)
	}

	for _, who := range []string{"--tenant=", "--tenant=acme"} {
		var r psReport
		if got := invoke(t, nil, "ps", "--json", "--nats", node.url, who); json.Unmarshal([]byte(got.stdout), &r) != nil || len(r.Nodes) != 1 || len(r.Nodes[0].Programs) != 1 {
			t.Fatalf("%s: %s%s", who, got.stdout, got.stderr)
		}
		p := r.Nodes[0].Programs[0]
		if p.Tenant != "acme" || p.Program != "seen-by-ps" || p.State != wire.StateTool || p.Tool != "pytest" || p.Turn != 1 || p.KV.Device == 0 || p.Keep == nil || p.Gap == nil {
			t.Errorf("%s: %+v", who, p)
		}
	}
	table := invoke(t, nil, "ps", "--nats", node.url).stdout
	head, row, _ := strings.Cut(table, "\n")
	if cells := strings.Split(row, "\t"); len(cells) != len(strings.Split(head, "\t")) || cells[0] != "seen-by-ps" || cells[1] != "acme" || cells[5] == "-" {
		t.Errorf("a table for cut and awk:\n%s", table)
	}
	var l listReport
	if got := invoke(t, nil, "list", "--json", "--nats", node.url); json.Unmarshal([]byte(got.stdout), &l) != nil || len(l.Models) == 0 {
		t.Fatalf("list: %s%s", got.stdout, got.stderr)
	}
	usual := slices.IndexFunc(l.Models, func(m listed) bool { return m.Default })
	if usual < 0 || len(l.Models[usual].Nodes) != 1 || l.Models[usual].Bytes < 90e6 {
		t.Errorf("the default model: %+v", l.Models)
	}

	for line, want := range map[string]string{
		"interlude explain s":                    "seen-by-ps",
		"interlude run ":                         "smollm2-135m-instruct",
		"interlude serve --model ":               "smollm2-135m-instruct",
		"interlude la":                           "launch",
		"interlude launch ":                      "opencode",
		"interlude bench engine --js":            "--json",
		"interlude serve --policy working":       "working-set",
		"interlude ps --nats nats://x --tenant ": "",
	} {
		got := invoke(t, []string{"COMP_LINE=" + line, "INTERLUDE_NATS=" + node.url})
		if got.code != 0 || want != "" && !slices.Contains(strings.Fields(got.stdout), want) {
			t.Errorf("%q is completed by %q, without %q", line, got.stdout, want)
		}
	}
}

func TestStays(t *testing.T) {
	for _, c := range []struct {
		keep *wire.Keep
		want string
	}{
		{nil, "-"},
		{&wire.Keep{Rule: wire.KeepPinned, LeftMS: 41_000, Worth: 12}, "for 41.0 s, worth 12 times its place"},
		{&wire.Keep{Rule: wire.KeepPinned, LeftMS: 3 * 3600_000, Worth: 1e12}, "for 3 h, worth 1000000 times its place"},
		{&wire.Keep{Rule: wire.KeepLent, Worth: 0.3}, "until others need it, worth 0.3 of its place"},
		{&wire.Keep{Rule: wire.KeepHeld}, "held by the policy"},
	} {
		if got := stays(c.keep); got != c.want {
			t.Errorf("%+v: %q, want %q", c.keep, got, c.want)
		}
	}
}
