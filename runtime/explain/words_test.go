package explain

import (
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// TestEveryReasonHasWords, and every ground: a sentence rather than a label.
func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range sched.Reasons {
		label := r.String()
		if text := reasonText(core.Wait{Reason: r}, company{}); text == "for "+label || !strings.HasPrefix(text, "for ") || strings.HasPrefix(label, "unknown") {
			t.Errorf("reason %d, %q: %q", r, label, text)
		}
	}
	for _, g := range sched.Grounds {
		label := g.String()
		if text := groundText(core.Loss{Choice: sched.Choice{Ground: g}}); text == label || !strings.Contains(text, " ") || strings.HasPrefix(label, "unknown") {
			t.Errorf("ground %d, %q: %q", g, label, text)
		}
	}
}

// TestMissText: there are words for every reason for which tokens can be missed.
func TestMissText(t *testing.T) {
	for _, why := range programs.Misses {
		if why == programs.NoMiss || why == programs.FirstTurn {
			continue // of no tokens
		}
		if missText(why, core.Past{Changed: why}) == why.String() {
			t.Errorf("%v has no words", why)
		}
	}
}
