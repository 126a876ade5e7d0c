package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/interlude-run/interlude/programs"
)

// Story is what happened to one program, in order.
type Story struct {
	Program *Program `json:"-"`
	Entries []Entry  `json:"entries"`
}

// Entry is one thing that happened. What says which of the other fields there are.
type Entry struct {
	At      float64             `json:"at"` // seconds from the log's start
	What    What                `json:"what"`
	Turn    programs.TurnNumber `json:"turn,omitempty"`
	Reason  string              `json:"reason,omitempty"`  // why, fit for a metric's label
	Other   programs.ProgramID  `json:"other,omitempty"`   // who gained by it, or was before it
	Seconds float64             `json:"seconds,omitempty"` // how long it took
	Cells   programs.Tokens     `json:"cells,omitempty"`
	Of      programs.Tokens     `json:"of,omitempty"`
	Text    string              `json:"text"` // the same in words
}

// What names a kind of Entry.
type What string

// The kinds.
const (
	Arrived   What = "arrived"   // a turn; Cells of its Of tokens are in the cache
	Rejected  What = "rejected"  // a turn; the Reason is one of programs.Rejections; it may come again after Seconds, where that is known
	Promised  What = "promised"  // a turn has its first token within Seconds of its arrival
	Hurried   What = "hurried"   // a turn goes before all others from now on, to have it in time
	Waited    What = "waited"    // a turn, for a Reason, see sched.Reasons
	Started   What = "started"   // a turn, with Cells of its Of tokens in the cache
	Preempted What = "preempted" // a turn lost its place to Other
	Finished  What = "finished"  // a turn; the Reason is one of programs.Outcomes
	Missed    What = "missed"    // Cells of the Of tokens that earlier turns had left were not found; the Reason is one of programs.Misses
	Pinned    What = "pinned"    // Seconds of time to live
	Kept      What = "kept"      // Cells of Of at the end of an interlude
	Evicted   What = "evicted"   // Cells of Of were taken for Other; the Reason is one of sched.Grounds
	Rewritten What = "rewritten" // Cells of Of are no longer of the context
	Copied    What = "copied"    // Cells to a lower tier; the Reason is its name
	Restored  What = "restored"  // Cells from a lower tier; the Reason is its name
	Failed    What = "failed"    // a move to or from a lower tier; the Reason is its name
	Dropped   What = "dropped"   // a lower tier's copy, for Other's
	Left      What = "left"      // the program ended, or was forgotten
)

// Print writes the story. What belongs to the entry before it has no time of its own.
func (s *Story) Print(out io.Writer) error {
	tenant := s.Program.Tenant
	if tenant == "" {
		tenant = "–"
	}
	_, err := fmt.Fprintf(out, "%s (tenant %s)\n", s.Program.ID, tenant)
	for i := range s.Entries {
		e := &s.Entries[i]
		at := fmt.Sprintf("%10.3f s  ", e.At)
		switch e.What {
		case Waited:
			at = strings.Repeat(" ", len(at))
		case Promised, Missed, Pinned, Kept, Rewritten:
			if i > 0 && s.Entries[i-1].At == e.At {
				at = strings.Repeat(" ", len(at))
			}
		}
		_, err = fmt.Fprintf(out, "%s%s\n", at, e.Text)
	}
	return err
}
