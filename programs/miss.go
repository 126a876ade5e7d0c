package programs

// Miss is why a turn did not find context that earlier turns of its program had left.
type Miss uint8

// The reasons of a miss, and NoMiss.
const (
	NoMiss          Miss = iota // all that could be found was
	FirstTurn                   // no turn of the program was completed before
	Evicted                     // the memory went to others, or the policy gave it up; lower tiers had no copy that could be read
	HistoryEdited               // the client changed a message of the past, dropped one or put one in
	ToolsChanged                // the tools are others than in the turn before
	TemplateRewrote             // the model's template writes the past in another way than before
	OtherNode                   // another node computed it
	Forgotten                   // this node did, and no longer knows the program: it stayed away for long, or the node was started anew
	Uncached                    // this turn was to find nothing, or the one before to leave nothing
	Inexact                     // cells that were moved, and the turn takes only such as it would have computed
)

// Misses lists NoMiss and the reasons.
var Misses = []Miss{NoMiss, FirstTurn, Evicted, HistoryEdited, ToolsChanged, TemplateRewrote, OtherNode, Forgotten, Uncached, Inexact}

// String names the reason in lower case, fit for a metric's label.
func (m Miss) String() string {
	return name(m, []string{"none", "first_turn", "evicted", "history_edited", "tools_changed", "template_rewrote", "other_node", "forgotten", "uncached", "inexact"})
}

// Missed is what a turn did not find. Tokens counts those of its prompt where earlier turns
// of the program had left tokens, the turn's own last one left out, that were not on the
// device and did not come back from a lower tier either: what it would not have had to
// compute with an endless cache and an unchanged history. Where several reasons took some,
// Why is the one that took most. Tokens is 0 for NoMiss and FirstTurn.
//
// For example, earlier turns left 900 tokens, a prompt of 1,000 begins with the first 600
// of them since the client changed a message, and 100 of these were evicted: Tokens is
// 400, and Why is HistoryEdited.
type Missed struct {
	Why    Miss
	Tokens Tokens
}
