package timeline

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/trace/spans"
)

// width is of the picture beside each line, in characters.
const width = 32

// strokes draw the operations.
var strokes = [...]rune{
	spans.InvokeAgent: '═', spans.Chat: '━', spans.ExecuteTool: '─', spans.AwaitPerson: '─',
	spans.Queue: '░', spans.Restore: '▒', spans.Fetch: '▒', spans.Prefill: '▓', spans.Decode: '█',
}

// Print writes the runs one after the other, and of each what began and what happened in order:
// when, how long it took, where in the run that is, and what it was.
func (t *Timeline) Print(out io.Writer) error {
	w := bufio.NewWriter(out)
	for i, run := range t.runs() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		for _, r := range rows(run) {
			fmt.Fprintf(w, "%10.3f s %10s │%s│ %s%s\n", t.at(r.at), r.took, r.picture, strings.Repeat("  ", r.depth), r.text)
		}
	}
	if len(t.Spans) == 0 {
		fmt.Fprintln(w, "no program is in the log")
	}
	return w.Flush()
}

// runs are the spans of each program's, that of the program first.
func (t *Timeline) runs() (runs [][]*spans.Span) {
	for _, s := range t.Spans {
		if s.Operation == spans.InvokeAgent {
			runs = append(runs, nil)
		}
		last := &runs[len(runs)-1]
		*last = append(*last, s)
	}
	return runs
}

// row is a line of the timeline.
type row struct {
	at      programs.Time
	took    string
	picture string
	depth   int
	text    string
}

// rows are those of a run, by their times.
func rows(run []*spans.Span) (rows []row) {
	depth := map[spans.ID]int{0: -1}
	for _, s := range run {
		d := depth[s.Parent] + 1
		depth[s.ID] = d
		rows = append(rows, row{s.Start, took(s), picture(run[0], s.Start, s.End, strokes[s.Operation]), d, title(s)})
		for i := range s.Events {
			e := &s.Events[i]
			rows = append(rows, row{e.At, "", picture(run[0], e.At, e.At, '•'), d + 1, told(e)})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	return rows
}

// picture shows where in a run a stretch of time is; it is one character at least.
func picture(run *spans.Span, from, to programs.Time, stroke rune) string {
	place := func(at programs.Time) int {
		if run.Took() == 0 {
			return 0
		}
		return int(float64(at.Sub(run.Start)) / float64(run.Took()) * width)
	}
	first := max(0, min(place(from), width-1))
	last := max(first+1, min(place(to), width))
	return strings.Repeat(" ", first) + strings.Repeat(string(stroke), last-first) + strings.Repeat(" ", width-last)
}

func took(s *spans.Span) string {
	if s.Open {
		return span(s.Took().Seconds()) + " …"
	}
	return span(s.Took().Seconds())
}

// title says what a span was.
func title(s *spans.Span) string {
	switch s.Operation {
	case spans.InvokeAgent:
		return agentTitle(s)
	case spans.Chat:
		return turnTitle(s)
	case spans.ExecuteTool, spans.AwaitPerson:
		return gapTitle(s)
	}
	return s.Name()
}

func agentTitle(s *spans.Span) string {
	text := fmt.Sprintf("%s %s: %v turns", s.Name(), s.Program, s.Get(spans.KeyTurnsTaken))
	if s.Get(spans.KeyTurnsTaken) == int64(1) {
		text = fmt.Sprintf("%s %s: one turn", s.Name(), s.Program)
	}
	if n := s.Get(spans.KeyTurnsRejected); n != nil {
		text += fmt.Sprintf(", %v rejected", n)
	}
	for _, l := range s.Links {
		text += fmt.Sprintf("; its parent is %s", l.Program)
	}
	if end := s.Get(spans.KeyProgramEnd); end != nil {
		text += fmt.Sprintf("; %v", end)
	}
	return text
}

func turnTitle(s *spans.Span) string {
	text := fmt.Sprintf("%s %d", s.Name(), s.Turn)
	switch why := s.Get(spans.KeyFinishReasons).(type) {
	case []string:
		text += ": " + strings.Join(why, ", ")
	default:
		if err := s.Get(spans.KeyErrorType); err != nil {
			return text + fmt.Sprintf(": rejected, %v", err)
		}
		return text + ": not over"
	}
	text += fmt.Sprintf("; %v tokens in, %v of them cached; %v out", s.Get(spans.KeyInputTokens), s.Get(spans.KeyCacheReadTokens), s.Get(spans.KeyOutputTokens))
	if first, ok := s.Get(spans.KeyFirstToken).(float64); ok {
		text += "; first token after " + span(first)
	}
	return text
}

func gapTitle(s *spans.Span) string {
	number := func(key string) float64 { x, _ := s.Get(key).(float64); return x }
	text := fmt.Sprintf("%s: %s expected; ", s.Name(), span(number(spans.KeyPinExpected)))
	cells := s.Get(spans.KeyPinCells)
	switch outcome := s.Get(spans.KeyPinOutcome); outcome {
	case spans.Nothing.String():
		return text + "there were no cells to keep"
	case spans.Kept.String(), spans.BroughtBack.String():
		text += fmt.Sprintf("%v cells were %s", cells, strings.ReplaceAll(fmt.Sprint(outcome), "_", " "))
	default:
		text += fmt.Sprintf("%s: %v of %v cells were left, lower tiers had %v", strings.ReplaceAll(fmt.Sprint(outcome), "_", " "), s.Get(spans.KeyPinLeft), cells, s.Get(spans.KeyPinBelow))
	}
	if ttl := number(spans.KeyPinTTL); ttl > 0 {
		text += "; pinned for " + span(ttl)
	}
	return text + "; to have them again was to take " + span(number(spans.KeyPinReload))
}

// told says what happened, with the event's attributes as they are.
func told(e *spans.Event) string {
	text := e.Name
	for _, a := range e.Attributes {
		value := fmt.Sprint(a.Value)
		if seconds, ok := a.Value.(float64); ok {
			value = span(seconds)
		}
		text += fmt.Sprintf(" %s=%s", strings.TrimPrefix(a.Key, "interlude."), value)
	}
	return text
}

// span formats a time as one reads it.
func span(s float64) string {
	switch {
	case s >= 100:
		return fmt.Sprintf("%.0f s", s)
	case s >= 1:
		return fmt.Sprintf("%.1f s", s)
	case s >= 0.01 || s == 0:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.2g ms", s*1e3)
}
