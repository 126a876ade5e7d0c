package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/interlude-run/interlude/examples/codereview"
)

// screen shows agents at work, each line under the name of who says it: several
// speak at once, so a piece waits until its line is full. It writes plain text,
// to a terminal or a file alike.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	lines map[string]string // begun and not shown, by agent
}

const screenWidth = 88

func newScreen(w io.Writer) *screen { return &screen{w: w, lines: map[string]string{}} }

// Tool shows a command that was run.
func (s *screen) Tool(agent, command string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if command = printable(command); utf8.RuneCountInString(command) > screenWidth-12 {
		command = string([]rune(command)[:screenWidth-12]) + " …"
	}
	s.say(agent, "$", fmt.Sprintf("%s  (%v)", command, took.Round(time.Millisecond)))
}

// Text shows what fills a line and keeps the rest.
func (s *screen) Text(agent, piece string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.lines[agent] + printable(piece)
	for len(text) > screenWidth {
		end := strings.LastIndexByte(text[:screenWidth], ' ')
		if end <= 0 {
			break // a word longer than the line is shown whole, when it is
		}
		s.say(agent, "│", text[:end])
		text = text[end+1:]
	}
	s.lines[agent] = text
}

// Done shows the rest of an answer, and what its turn cost.
func (s *screen) Done(agent string, t codereview.Turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rest := strings.TrimSpace(s.lines[agent]); rest != "" {
		s.say(agent, "│", rest)
	}
	delete(s.lines, agent)
	missed := ""
	if t.Miss != nil && t.Miss.Tokens > 0 {
		missed = fmt.Sprintf(", %d more missed (%s)", t.Miss.Tokens, t.Miss.Reason)
	}
	s.say(agent, "└", fmt.Sprintf("turn %d: first token after %.2f s; %d tokens read, %d of them known%s; %d written",
		t.Number, t.TTFT.Seconds(), t.Usage.PromptTokens, t.Usage.ReusedTokens+t.Usage.RestoredTokens, missed, t.Usage.CompletionTokens))
}

func (s *screen) say(agent, mark, text string) { fmt.Fprintf(s.w, "%-7s%s %s\n", agent, mark, text) }

// printable has spaces for line breaks and for what could move a cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// dots shows that there is progress.
type dots struct{ w io.Writer }

func (dots) Text(string, string)                {}
func (dots) Tool(string, string, time.Duration) {}
func (d dots) Done(string, codereview.Turn)     { fmt.Fprint(d.w, ".") }
