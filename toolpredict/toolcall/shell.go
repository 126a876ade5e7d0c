package toolcall

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// part is a simple command of a script.
type part struct {
	words      []string // as far as they are literal, else ""
	background bool     // it is not waited for
}

// maxScript is as much of a script as is read, in bytes.
const maxScript = 32 << 10

// parts lists the simple commands of a script in their order, as far as it can be
// parsed.
func parts(script string) []part {
	if len(script) > maxScript {
		script = script[:maxScript]
	}
	var w walk
	if !tooDeep(script) {
		parser := syntax.NewParser(syntax.Variant(syntax.LangBash))
		for stmt, err := range parser.StmtsSeq(strings.NewReader(script)) {
			if err == nil { // one error may come twice: no break
				w.visit(stmt, false)
			}
		}
	}
	if len(w.parts) == 0 {
		return plainParts(script)
	}
	return w.parts
}

// tooDeep says whether a script may be nested so deep that the parser, which recurses,
// would need seconds and hundreds of megabytes. No script that is meant comes near.
func tooDeep(script string) bool {
	open := 0
	for _, c := range []byte(script) {
		if strings.IndexByte("([{$`!", c) >= 0 {
			open++
		}
	}
	return open > maxScript/8
}

// walk collects the parts below a node.
type walk struct{ parts []part }

func (w *walk) visit(node syntax.Node, background bool) {
	syntax.Walk(node, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Stmt:
			if n.Background && !background {
				if n.Cmd != nil {
					w.visit(n.Cmd, true)
				}
				return false
			}
		case *syntax.CallExpr:
			w.add(n.Args, background)
			return false
		case *syntax.DeclClause:
			w.parts = append(w.parts, part{words: []string{n.Variant.Value}, background: background})
			return false
		case *syntax.Word, *syntax.Redirect, *syntax.FuncDecl, *syntax.TestClause, *syntax.ArithmCmd, *syntax.LetClause:
			return false // what is run within words is not looked at
		}
		return true
	})
}

// add adds the command of these words, unless it is an assignment alone.
func (w *walk) add(args []*syntax.Word, background bool) {
	if len(args) == 0 {
		return
	}
	p := part{background: background}
	for _, arg := range args {
		p.words = append(p.words, literal(arg.Parts))
	}
	w.parts = append(w.parts, p)
}

// literal is the text of a word without its quotes; "" if any of it is computed.
func literal(parts []syntax.WordPart) string {
	var all strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			all.WriteString(p.Value)
		case *syntax.SglQuoted:
			all.WriteString(p.Value)
		case *syntax.DblQuoted:
			inner := literal(p.Parts)
			if inner == "" {
				return ""
			}
			all.WriteString(inner)
		default:
			return ""
		}
	}
	return all.String()
}

// plainParts takes the first line of what is no shell for words between blanks.
func plainParts(script string) []part {
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		for len(words) > 1 && isAssignment(words[0]) {
			words = words[1:]
		}
		return []part{{words: words}}
	}
	return nil
}

func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && syntax.ValidName(name)
}
