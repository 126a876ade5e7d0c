package explain

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
)

// reasonText says in words what a turn waited for.
func reasonText(w core.Wait, ahead company) string {
	set := func(of string) string {
		return fmt.Sprintf("the contexts before it filled %s, of %s cells: %s of running turns, %s of others in order, and it needs %s%s",
			of, count(w.Limit), count(w.Running), count(w.Before), count(w.Need), ahead)
	}
	switch w.Reason {
	case sched.ForNothing:
		return "for the end of the step under way"
	case sched.ForPlace:
		return "for a place: as many turns ran as may at once"
	case sched.ForPool:
		return "for room in the working set: " + set("the pool")
	case sched.ForQuota:
		return "for its tenant's quota: " + set("it")
	case sched.ForShare:
		return "for its tenant's share: " + set("the tenant's part of the pool")
	case sched.ForOrder:
		return fmt.Sprintf("for its turn: %s was to be admitted first, and waited for %v%s", w.Head, ahead.head, ahead)
	case sched.ForTick:
		return "for the policy to look again at whom it lets through, which it does at fixed times"
	case sched.ForUnexplained:
		return "for something that the policy does not explain"
	case sched.ForMemory:
		return fmt.Sprintf("for memory: it was the first in order, and running turns and pins held %s cells more than could be spared", count(w.Lacks))
	case sched.ForMove:
		return "for copies to other tiers, of its own cells or of what it needs"
	case sched.ForCells:
		return "for its cells to come back from a lower tier"
	case sched.ForPrefix:
		return fmt.Sprintf("for what it begins with, which %s was to compute, or computing", w.Head)
	case sched.ForPipe:
		return "for the prompts of running turns, which the engine computes first"
	case sched.ForPrompt:
		return "for its prompt to be fetched: the node had dropped it while the turn waited"
	case sched.ForSteps:
		return "for room in the steps, which were full with decodes and prompts before its own"
	}
	return "for " + w.Reason.String()
}

// company is who stands before a waiting turn.
type company struct {
	head          sched.Reason // what the first in order waits for
	names         []string
	running, idle int
}

// String says how many and who, at the end of a sentence.
func (c company) String() string {
	const shown = 4
	var text string
	switch n := len(c.names); {
	case n == 0:
		return ""
	case n == 1:
		text = "; one program was before it in rank"
	default:
		text = fmt.Sprintf("; %d programs were before it in rank", n)
	}
	if c.running > 0 {
		text += fmt.Sprintf(", %d running", c.running)
	}
	if c.idle > 0 {
		text += fmt.Sprintf(", %d with a tool", c.idle)
	}
	text += ": " + strings.Join(c.names[:min(shown, len(c.names))], ", ")
	if len(c.names) > shown {
		text += " …"
	}
	return text
}

// groundText says in words why a program's memory is taken before others'.
func groundText(l core.Loss) string {
	switch l.Choice.Ground {
	case sched.Unexplained:
		return "by the policy's choice, which it does not explain"
	case sched.Outside:
		return "it was outside the working set, the last in order"
	case sched.LeastWorth:
		text := fmt.Sprintf("its seat in the working set was worth least (%s", worth(l.Seat.Worth))
		if l.Choice.Next >= 0 {
			return text + " against " + worth(l.Choice.Next) + " of the next)"
		}
		return text + "; no other lent memory)"
	case sched.LastWaiting:
		return "nobody was idle, and it was the last of those that wait"
	case sched.LatestReturn:
		return "of those that do not run its next turn is expected last"
	case sched.LeastRecent:
		return fmt.Sprintf("of those that do not run it was used longest ago: %s", span(l.Idle))
	}
	return l.Choice.Ground.String()
}

// outcomeText says in words how a turn came to its end.
func outcomeText(o programs.Outcome) string {
	switch o {
	case programs.Stopped:
		return "finished, as the model ended it"
	case programs.Length:
		return "finished at its limit"
	case programs.Cancelled:
		return "cancelled, as nobody wanted it any longer"
	case programs.TimedOut:
		return "ended, as its deadline had passed"
	case programs.Failed:
		return "failed, as the engine could not go on with it"
	}
	return o.String()
}

// rejectionText says in words why a turn was not taken in.
func rejectionText(r programs.Rejection) string {
	switch r {
	case programs.Empty:
		return "its context has no token"
	case programs.TooLong:
		return "its context leaves no room for a token in what the model takes"
	case programs.TooLarge:
		return "its context leaves no room for a token in the pool, had it that to itself"
	case programs.Busy:
		return "another turn of the program waited or ran"
	case programs.Overloaded:
		return "as many turns waited as may, or its first token could not be promised in time"
	}
	return r.String()
}

// missText says in words why context was not found.
func missText(why programs.Miss, past core.Past) string {
	switch why {
	case programs.Evicted:
		return "their memory had gone to others"
	case programs.HistoryEdited:
		switch {
		case past.Changed != programs.HistoryEdited:
			return "its client had said that it would rewrite them"
		case past.Message < 0:
			return "its client had edited the history"
		}
		return fmt.Sprintf("its client had edited the history, from message %d on (the first is 0)", past.Message)
	case programs.ToolsChanged:
		return "its tools were others than before"
	case programs.TemplateRewrote:
		return "the model's template writes the past in another way than before"
	case programs.OtherNode:
		return "another node had computed them"
	case programs.Forgotten:
		return "the node no longer knew the program"
	case programs.Uncached:
		return "it was asked not to use the cache, or the turn before was"
	case programs.Inexact:
		return "they had been moved from another context, and it wanted exact ones"
	}
	return why.String()
}

// pinText says in words what a seat is worth when an interlude begins.
func pinText(p core.Pin, call core.Call, cells programs.Tokens, keep sched.Retention, priced bool) string {
	tool := "the next turn"
	switch {
	case call.Human:
		tool = "the person"
	case call.Tool != "":
		tool = fmt.Sprintf("tool %q", call.Tool)
	}
	why := fmt.Sprintf("%s is expected to take %s; to have the %s cells again would take %s", tool, span(p.Expected), count(cells), span(p.Reload))
	switch {
	case keep == sched.Give:
		return "not kept: the policy gives memory up between turns"
	case keep == sched.Hold:
		return "held for as long as the policy says: " + why
	case !priced:
		return "kept until somebody needs the memory: " + why
	case p.TTL == 0:
		return "kept until somebody needs the memory, as its seat is worth less than its place: " + why
	}
	return fmt.Sprintf("pinned for %s, in which its seat is worth its place in full: %s", span(p.TTL), why)
}

// worth formats what a seat is worth.
func worth(x float64) string {
	switch {
	case x >= 1e6:
		return "more than a million"
	case x >= 10:
		return fmt.Sprintf("%.0f", x)
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// span formats a time as one reads it.
func span(d programs.Duration) string {
	switch s := d.Seconds(); {
	case s >= 100:
		return fmt.Sprintf("%.0f s", s)
	case s >= 1:
		return fmt.Sprintf("%.1f s", s)
	case s >= 0.01 || s == 0:
		return fmt.Sprintf("%.0f ms", s*1e3)
	default:
		return fmt.Sprintf("%.2g ms", s*1e3)
	}
}

// count formats a number with a comma before every third digit.
func count(n programs.Tokens) string {
	text := strconv.FormatInt(int64(n), 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
