package gpu

import (
	"errors"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/gpu/engine"
	"github.com/interlude-run/interlude/gpu/internal/ggml"
	"github.com/interlude-run/interlude/gpu/internal/synth"
)

// A node that the device does not compute is an error that names it, where cards
// would end the process; the engine goes on with what the device does compute.
func TestOperatorThatTheDeviceLacks(t *testing.T) {
	e := openSmall(t, synth.Options{Type: ggml.Q4_1, HeadDim: 32, Embd: 128}, Options{Weights: "file", Layout: "rows"})
	lacks := ""
	e.device.supports = func(node *ggml.Tensor) bool {
		return ggml.GoString(e.lib.OpName(node)) != lacks
	}
	must(e.New(1) == nil && e.Reserve(1, 64) == nil && e.New(2) == nil && e.Reserve(2, 64) == nil, "no room for a test")
	step := func(n int) error {
		return e.Step([]engine.Item{{Seq: 1, Tokens: prompt(n, 1)}}, make([]engine.Output, 1))
	}
	if err := step(5); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error, says ...string) {
		t.Helper()
		if !errors.Is(err, ErrUnsupported) {
			t.Fatalf("%s gave %v", what, err)
		}
		for _, s := range append(says, lacks, e.device.name) {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s gave %q, which does not say %q", what, err, s)
			}
		}
	}
	lacks = "FLASH_ATTN_EXT"
	refused("a step", step(7), "f32 [32 7 4]", "f16 [32 32 2]")
	lacks = "ROPE"
	refused("to move cells", e.Place(engine.Placement{Src: 1, From: 1, N: 3, Dst: 2}), "f32 [32 6]")
	lacks = "CPY"
	refused("to copy cells", e.Place(engine.Placement{Src: 1, From: 1, N: 3, Dst: 2}), "f16 [32 3 2]")
	if e.Len(1) != 5 || e.Len(2) != 0 {
		t.Errorf("%d and %d cells after refusals", e.Len(1), e.Len(2))
	}
	lacks = ""
	if err := step(7); err != nil {
		t.Fatal(err)
	}
}
