package grammar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// constant is the values of an enum that the shape admits. Those that begin alike
// share their beginning, so that a thousand of them are followed as one text.
func (c *converter) constant(name string, s shape) []part {
	var texts []ending
	var out []part
	for _, v := range s.consts {
		if !c.admits(s, v, maxDepth) {
			continue
		}
		switch v.kind {
		case isArray, isObject:
			out = append(out, part{kind: v.kind, way: c.spell(v), width: width{1, 3}})
		default:
			texts = append(texts, ending{text: scalar(v)})
			if v.kind == isInteger && len(v.text) < freeDigits { // 1.0 is 1 as well
				texts = append(texts, ending{text: v.number.Num().String()})
			}
		}
	}
	if len(texts) > 0 {
		slices.SortFunc(texts, func(a, b ending) int { return cmp.Compare(a.text, b.text) })
		texts = slices.Compact(texts)
		way, ways := c.trie(name+"-enum", texts)
		out = append(out, part{kind: isString, way: way, width: width{ways, ways}})
	}
	return out
}

// spell is the expression of one value.
func (c *converter) spell(v *value) string {
	switch v.kind {
	case isArray:
		if len(v.items) == 0 {
			return `"[]"`
		}
		var items []string
		for _, item := range v.items {
			items = append(items, c.spell(item))
		}
		return `"[" line ` + strings.Join(items, " comma ") + ` line "]"`
	case isObject:
		if len(v.names) == 0 {
			return `"{}"`
		}
		var members []string
		for _, name := range v.names {
			members = append(members, join(Literal(quote(name)+":"), "gap", c.spell(v.fields[name])))
		}
		return `"{" line ` + strings.Join(members, " comma ") + ` line "}"`
	}
	return Literal(scalar(v))
}

// scalar is the JSON of a value without parts.
func scalar(v *value) string {
	switch v.kind {
	case isNull:
		return "null"
	case isBoolean:
		if v.truth {
			return "true"
		}
		return "false"
	case isString:
		return quote(v.text)
	}
	return v.text
}

// quote is the JSON of a string, as short as it can be.
func quote(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		out.WriteString(spelling(r))
	}
	return out.String() + `"`
}

// spelling is the shortest of a character within a JSON string.
func spelling(r rune) string {
	for _, s := range short {
		if s.char == r {
			return `\` + s.plain
		}
	}
	if r < ' ' {
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}

// ending is a text and the expression of what follows it.
type ending struct{ text, then string }

// trie is the expression of any of the texts, and in how many ways one may go on at
// most.
func (c *converter) trie(wish string, texts []ending) (way string, most int) {
	slices.SortFunc(texts, func(a, b ending) int { return cmp.Compare(a.text, b.text) })
	return c.branch(wish, texts, 0)
}

// branch is what may follow the first from bytes of the texts, which are in order.
func (c *converter) branch(wish string, texts []ending, from int) (way string, most int) {
	if len(texts) == 1 {
		return join(spelled(texts[0].text[from:]), texts[0].then), 1
	}
	// In order, what the first and the last share all share.
	shared := from + commonLength(texts[0].text[from:], texts[len(texts)-1].text[from:])
	var ways []string
	for rest := texts; len(rest) > 0; {
		n := 1
		for len(rest[0].text) > shared && n < len(rest) && commonLength(rest[0].text[shared:], rest[n].text[shared:]) > 0 {
			n++
		}
		way, within := c.branch(wish, rest[:n], shared)
		ways, most, rest = append(ways, way), max(most, within), rest[n:]
	}
	return join(spelled(texts[0].text[from:shared]), c.share(wish, either(ways...))), max(most, len(ways))
}

func spelled(text string) string {
	if text == "" {
		return ""
	}
	return Literal(text)
}

// commonLength is how many bytes two texts begin with alike, in whole characters.
func commonLength(a, b string) (n int) {
	for i, r := range a {
		next := i + len(string(r))
		if next > len(b) || a[i:next] != b[i:next] {
			return i
		}
		n = next
	}
	return n
}
