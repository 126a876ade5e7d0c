package chat

import "strings"

// This file cuts texts where markers begin and end.

// parts cuts markers that follow each other: at line ends, and where a bracket opens a tag.
func parts(text string) (parts []string) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Trim(line, whiteSpace)
		from := 0
		for at := 1; at <= len(line); at++ {
			if at == len(line) || line[at] == '<' || line[at] == '[' {
				if part := strings.Trim(line[from:at], whiteSpace); part != "" {
					parts = append(parts, part)
				}
				from = at
			}
		}
	}
	return parts
}

// beforeTag moves a place inside a tag to where the tag begins.
func beforeTag(text string, at int) int {
	open := strings.LastIndexAny(text[:at], "<[")
	if open >= 0 && !strings.ContainsAny(text[open:at], ">]") {
		return open
	}
	return at
}

// behindTag moves a place inside a tag to where the tag has ended.
func behindTag(text string, at int) int {
	if beforeTag(text, at) < at {
		return at + strings.IndexAny(text[at:], ">]") + 1
	}
	return at
}

// afterTag moves a place to where the next tag begins, if one does.
func afterTag(text string, at int) int {
	if n := strings.LastIndexAny(text[at:], "<["); n >= 0 {
		return at + n
	}
	return at
}

// commonEnd is where in a the end begins that it has in common with b.
func commonEnd(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return len(a) - n
}
