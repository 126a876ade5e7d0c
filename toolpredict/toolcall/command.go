package toolcall

import (
	"path"
	"slices"
	"strings"
)

// tier is how much a part says of how long the whole takes.
type tier int

const (
	works    tier = iota // anything that is not below
	looks                // at files, or changes small things: milliseconds mostly
	prepares             // the shell for what comes
)

// fromParts is the call of the last part of the most telling tier.
func fromParts(all []part) (call Call, ok bool) { return nested(all, 0) }

// maxNesting is how many commands within commands are unwrapped.
const maxNesting = 8

func nested(all []part, depth int) (call Call, ok bool) {
	best := prepares
	for _, p := range all {
		c, t := p.call(depth)
		if c.Tool != "" && (t <= best || !ok) {
			call, best, ok = c, t, true
		}
	}
	return call, ok
}

// call names a part.
func (p part) call(depth int) (Call, tier) {
	words := p.words
	for len(words) > 0 && depth < maxNesting {
		name := programName(words[0])
		if script := inlineScript(name, words); script != "" {
			if c, ok := nested(parts(script), depth+1); ok {
				return c, p.tier(c.Tool)
			}
		}
		inner := unwrap(name, words)
		if len(inner) == 0 {
			break
		}
		words, depth = inner, depth+1
	}
	if len(words) == 0 {
		return Call{}, prepares
	}
	c := Call{Tool: programName(words[0])}
	t := p.tier(c.Tool)
	switch ext := path.Ext(c.Tool); {
	case p.background:
		c.Class = "&"
	case interpreters[c.Tool]:
		c.Class = interpreted(words[1:])
	case scripts[ext] && !wellKnown[c.Tool]:
		return Call{Tool: "script", Class: ext[1:]}, t
	default:
		if takes, ok := subcommands[c.Tool]; ok {
			c.Class = subcommand(operands(words[1:], takes))
		}
	}
	if !isWord(c.Tool) && c.Tool != "." && c.Tool != "[" && c.Tool != ":" {
		c.Tool, c.Class = "other", ""
	}
	return c, t
}

func (p part) tier(tool string) tier {
	switch {
	case p.background || preparing[tool]:
		return prepares
	case looking[tool]:
		return looks
	}
	return works
}

// programName is the name of a program without its path and version; "" if it is
// computed.
func programName(word string) string {
	if word == "" {
		return ""
	}
	name := path.Base(word)
	for _, versioned := range []string{"python", "pip"} {
		if rest, ok := strings.CutPrefix(name, versioned); ok && strings.Trim(rest, "0123456789.") == "" {
			return versioned
		}
	}
	return name
}

// inlineScript is what a shell is given to run with -c, "" otherwise.
func inlineScript(name string, words []string) string {
	if !shells[name] {
		return ""
	}
	for i, w := range words[1:] {
		switch {
		case !strings.HasPrefix(w, "-"):
			return ""
		case strings.HasSuffix(w, "c") && !strings.HasPrefix(w, "--") && i+2 < len(words):
			return words[i+2]
		}
	}
	return ""
}

// unwrap gives the command that the words start, nil if they start none other than
// their own.
func unwrap(name string, words []string) []string {
	if w, ok := wrappers[name]; ok {
		rest := operands(words[1:], w.takes)
		for len(rest) > 0 && isAssignment(rest[0]) {
			rest = rest[1:]
		}
		return rest[min(w.operands, len(rest)):]
	}
	if name == "python" {
		if module := module(words[1:]); module != nil && isWord(module[0]) {
			return module
		}
		if rest := operands(words[1:], "WX"); len(rest) > 0 && wellKnown[path.Base(rest[0])] {
			return rest
		}
		return nil
	}
	rest := operands(words[1:], "")
	if len(rest) > 1 && slices.Contains(runners[name], rest[0]) {
		return operands(rest[1:], "np")
	}
	return nil
}

// operands are the words behind the options; takes are the letters of options with a
// value behind them.
func operands(words []string, takes string) []string {
	for len(words) > 0 {
		w := words[0]
		switch {
		case w == "--":
			return words[1:]
		case len(w) < 2 || w[0] != '-':
			return words
		case len(w) == 2 && strings.Contains(takes, w[1:]):
			words = words[min(2, len(words)):]
		default:
			words = words[1:]
		}
	}
	return nil
}

// module is what Python runs with -m, and its arguments; nil if it does not.
func module(args []string) []string {
	for i := 0; i+1 < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		switch args[i] {
		case "-m":
			return args[i+1:]
		case "-W", "-X":
			i++
		}
	}
	return nil
}

// interpreted is the class of what an interpreter runs.
func interpreted(args []string) string {
	for _, a := range args {
		switch {
		case a == "-c" || a == "-e":
			return "inline"
		case a == "-m":
			return "module"
		case a == "-":
			return "stdin"
		case !strings.HasPrefix(a, "-"):
			return "script"
		}
	}
	return "stdin"
}

// subcommand is the class for the words behind a program's options; the script's
// name for those that run scripts of the project.
func subcommand(rest []string) string {
	if len(rest) > 1 && (rest[0] == "run" || rest[0] == "run-script") && isWord(rest[1]) && path.Ext(rest[1]) == "" {
		return rest[1]
	}
	if len(rest) > 0 && isWord(rest[0]) && path.Ext(rest[0]) == "" {
		return rest[0]
	}
	return ""
}
