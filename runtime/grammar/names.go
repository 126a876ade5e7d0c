package grammar

import (
	"slices"
	"strings"
)

// otherNames is the rule of the names, in quotes, that are none of the given ones,
// which are in order and differ. It follows the given names character by character as
// long as the name is one of their beginnings, and says in how many ways one may go on
// at most.
func (c *converter) otherNames(wish string, names []string) (rule string, most int) {
	var spelt [][]string
	for _, name := range names {
		spelt = append(spelt, units(name))
	}
	slices.SortFunc(spelt, slices.Compare)
	way, most := c.unlike(wish, spelt)
	return c.share(wish, `"\"" (`+way+")"), most
}

// units is the spellings of the characters of a text.
func units(text string) (out []string) {
	for _, r := range text {
		out = append(out, spelling(r))
	}
	return out
}

// unlike is what may follow a beginning that the names share, of which these are the
// rests.
func (c *converter) unlike(wish string, names [][]string) (way string, most int) {
	var ways []string
	if len(names) == 0 || len(names[0]) > 0 {
		ways = append(ways, `"\""`)
	} else {
		names = names[1:]
	}
	var next []string
	for rest := names; len(rest) > 0; {
		unit, n := rest[0][0], 1
		for n < len(rest) && rest[n][0] == unit {
			n++
		}
		tails := make([][]string, n)
		for i, name := range rest[:n] {
			tails[i] = name[1:]
		}
		next = append(next, unit)
		way, within := c.unlike(wish, tails)
		ways, most = append(ways, Literal(unit)+" "+c.share(wish, way)), max(most, within)
		rest = rest[n:]
	}
	for _, way := range otherUnits(next) {
		ways = append(ways, way+` plainly* "\""`)
	}
	return either(ways...), max(most, len(ways))
}

// otherUnits is the expressions of one character, in any spelling but those.
func otherUnits(taken []string) []string {
	plain := common(every, []span{{' ', '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, 0x10ffff}})
	letters := ""
	for _, s := range short {
		if !slices.Contains(taken, `\`+s.plain) {
			letters += s.inClass
		}
	}
	control := true
	for _, unit := range taken {
		if strings.HasPrefix(unit, `\u`) {
			control = false // one name with such a character forbids them all here
		} else if r := []rune(unit)[0]; r != '\\' {
			plain = common(plain, []span{{0, r - 1}, {r + 1, 0x10ffff}})
		}
	}
	ways := []string{plainClass(plain)}
	if letters != "" {
		ways = append(ways, `"\\" [`+letters+`]`)
	}
	if control {
		ways = append(ways, `"\\u00" control`)
	}
	return ways
}
