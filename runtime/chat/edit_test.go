package chat

import (
	"strings"
	"testing"
)

func TestEditOf(t *testing.T) {
	const was = "Sbe-kind Ufix-it Aplan|run Tlong-output Aplan|test Tpassed"
	for _, c := range []struct {
		name, was, now string
		want           Edit
	}{
		{"nothing", was, was, Kept},
		{"a turn more", was, was + " Adone Uthanks", Kept},
		{"another date", was, strings.Replace(was, "Sbe-kind", "Sbe-kind-on-Monday", 1) + " Umore", Prefaced},
		{"a second system message", was, strings.Replace(was, "Sbe-kind", "Sbe-kind Sand-brief", 1), Prefaced},
		{"an output replaced", was, strings.Replace(was, "Tlong-output", "T[removed]", 1), Trimmed},
		{"an output dropped", was, strings.Replace(was, " Tlong-output", "", 1), Trimmed},
		{"a question put in", was, strings.Replace(was, " Tlong-output", " Tlong-output Uhurry", 1), Trimmed},
		{"the oldest turn dropped", was + " A3 T3 A4 T4", strings.Replace(was, " Aplan|run Tlong-output", "", 1) + " A3 T3 A4 T4", Trimmed},
		{"reasoning taken out of one answer", was, strings.Replace(was, "Aplan|run", "Arun", 1), Stripped},
		{"and out of all", was, strings.ReplaceAll(was, "Aplan|", "A"), Stripped},
		{"with another date", was, strings.NewReplacer("Aplan|", "A", "Sbe-kind", "Sbe-good").Replace(was), Stripped},
		{"compacted by the user", was, "Sbe-kind Usummary Aplan|test Tpassed Umore", Trimmed},
		{"and more of it", was + " A3 T3 A4 T4", "Sbe-kind Usummary A4 T4 Umore", Compacted},
		{"by an assistant's message", was + " A3 T3 A4 T4", "Sbe-kind Asummary A4 T4 Umore", Compacted},
		{"all another", was, "Sx Uy", Trimmed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := editOf(conversationOf(c.was), conversationOf(c.now), ""); got != c.want {
				t.Errorf("%q became %q: %v, want %v", c.was, c.now, got, c.want)
			}
		})
	}
}

// TestEditOfAnswersWithCalls: the past has the answer as the model wrote it, the client its
// parts.
func TestEditOfAnswersWithCalls(t *testing.T) {
	was := []Message{{Role: "user", Content: "go"}, {Role: "assistant", Content: "I look.\n<call>ls</call> "}, {Role: "tool", Content: "a b c"}}
	now := []Message{was[0], {Role: "assistant", Content: "I look.", Calls: []Call{{Name: "ls"}}}, {Role: "tool", Content: "gone"}}
	for _, c := range []struct {
		name, text string
		want       Edit
	}{
		{"in full", "user: go. assistant: I look.\n<call>ls</call>. tool: gone", Trimmed},
		{"without what it said", "user: go. assistant: <call>ls</call>. tool: gone", Stripped},
	} {
		if got := editOf(was, now, c.text); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// conversationOf makes messages of words, the first letter of which is the role.
func conversationOf(text string) (all []Message) {
	roles := map[byte]string{'S': "system", 'U': "user", 'A': "assistant", 'T': "tool"}
	for _, word := range strings.Fields(text) {
		all = append(all, Message{Role: roles[word[0]], Content: word[1:]})
	}
	return all
}
