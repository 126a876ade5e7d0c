package chat

import (
	"slices"
	"strings"
)

// This file finds out how a template marks reasoning: by what it shows of the past's or drops
// of it, and by what its prompts end with.

// mirrors are the markers of reasoning by the families that have some.
var mirrors = []markers{
	{"<think>", "</think>"},
	{"[THINK]", "[/THINK]"},
	{"<|START_THINKING|>", "<|END_THINKING|>"},
	{"<seed:think>", "</seed:think>"},
}

// reasoning finds the markers of reasoning, and whether prompts end inside it.
func (d *deriver) reasoning() (m markers, inside bool) {
	m, ok := d.shownReasoning()
	if !ok {
		i := slices.IndexFunc(mirrors, func(m markers) bool {
			return d.drops(m) || strings.Contains(d.source, m.close) && strings.Contains(d.source, m.open) || d.opened(m)
		})
		if i < 0 {
			return markers{}, false
		}
		m = mirrors[i]
	}
	return m, d.opened(m)
}

// opened tells whether a prompt ends with the opening marker.
func (d *deriver) opened(m markers) bool {
	return m.open != "" && strings.HasSuffix(strings.TrimRight(d.prompt, whiteSpace), m.open)
}

// shownReasoning finds the markers by giving the template the reasoning of its last answer,
// under the names that templates read it by.
func (d *deriver) shownReasoning() (m markers, ok bool) {
	const thought, said = "thoughtalpha", "saidalpha"
	prompt := strings.TrimRight(d.prompt, whiteSpace)
	for _, field := range []string{"reasoning_content", "reasoning", "thinking"} {
		text, ok := d.answer(map[string]string{field: thought}, Message{Role: "assistant", Content: said})
		if !ok {
			continue
		}
		before, behind, ok := strings.Cut(text, thought)
		between, _, okSaid := strings.Cut(behind, said)
		m = markers{strings.Trim(before, whiteSpace), strings.Trim(between, whiteSpace)}
		if !ok || !okSaid || m.close == "" {
			continue
		}
		if m.open == "" { // the prompt has it already
			m.open = prompt[max(strings.LastIndexByte(prompt, '<'), strings.LastIndexByte(prompt, '['), 0):]
		}
		if m.open == prompt || m.open == m.close {
			continue
		}
		return m, true
	}
	return markers{}, false
}

// drops tells whether the template leaves out of a past answer what stands between the
// markers.
func (d *deriver) drops(m markers) bool {
	const thought, said = "thoughtalpha", "saidalpha"
	text, ok := d.render(true, nil, Message{Role: "user", Content: "question"},
		Message{Role: "assistant", Content: m.open + "\n" + thought + "\n" + m.close + "\n\n" + said},
		Message{Role: "user", Content: "another"})
	return ok && strings.Contains(text, said) && !strings.Contains(text, thought)
}
