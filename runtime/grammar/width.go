package grammar

// width is in how many ways at once a text may be read, at the beginning of a value
// and at most. Package gbnf follows 256 and refuses what has more, so alternatives are
// given up before. It is an estimate from above, but for recursion: alternatives that
// begin alike within one another, without end, have no bound.
type width struct{ first, most int }

// maxWidth leaves some of the 256 for what is around a schema's value.
const maxWidth = 200

var (
	narrow    = width{1, 3}   // a word or plain string, of which a character may be escaped
	numeric   = width{5, 8}   // digits tight to one limit or the other, or free
	countable = width{1, 30}  // blocks of blocks of characters
	anyWidth  = width{12, 15} // a value of any kind
)

// width is that of a rule, made already or being made.
func (c *converter) width(rule string) width {
	if w, known := c.widths[rule]; known {
		return w
	}
	return anyWidth
}

// together is the width of alternatives. Values of different kinds begin otherwise, and
// objects that begin with other members or another constant are told apart by them.
func together(parts []part) (w width) {
	kinds, names, tags := map[kinds]int{}, map[string]int{}, map[[2]string]int{}
	for _, p := range parts {
		w.first += p.width.first
		switch {
		case p.tag[0] == "":
			kinds[p.kind] += p.width.most
		case p.tag[1] == "":
			names[p.tag[0]] += p.width.most
		default:
			tags[p.tag] += p.width.most
		}
	}
	inKind, ofName := 0, map[string]int{}
	for tag, most := range tags {
		ofName[tag[0]] = max(ofName[tag[0]], most)
	}
	for name, most := range names {
		ofName[name] += most
	}
	for _, most := range ofName {
		inKind = max(inKind, most)
	}
	kinds[isObject] += inKind
	for _, most := range kinds {
		w.most = max(w.most, most)
	}
	w.most = max(w.most, w.first*3/2) // a bracket, a new line, a member
	return w
}

// around is the width of a value within which one of w may be read beside others, in
// as many ways.
func (w width) around(value width, others int) width {
	return width{w.first, max(w.most, value.first+others, value.most)}
}

// width is that of the strings that an automaton accepts.
func (m automaton) width() width {
	w := narrow
	for _, p := range m.states {
		w.most = max(w.most, 4*len(p.edges)+1) // a character is a plain one or one of three escapes
	}
	return w
}
