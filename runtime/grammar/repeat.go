package grammar

import (
	"fmt"
	"strings"
)

// unlimited is the most of what has no upper bound.
const unlimited = -1

// outOfReach is more than the characters of any answer.
const outOfReach = 1 << 30

// block is how many times a symbol is written out before blocks of them are repeated
// instead. GBNF writes a repetition out: 2000 characters would be 8000 items, and a
// grammar has 131072. With blocks of blocks they are some hundred.
const block = 16

// repeat is the expression of a rule, least to most times.
func (b *Builder) repeat(symbol string, least, most int) string {
	if most == unlimited || most >= outOfReach {
		return join(b.exactly(symbol, least), symbol+"*")
	}
	return join(b.exactly(symbol, least), b.upTo(symbol, most-least))
}

// exactly is the expression of a rule, n times.
func (b *Builder) exactly(symbol string, n int) string {
	switch {
	case n == 0:
		return ""
	case n == 1:
		return symbol
	case n < 2*block:
		b.items += n
		return fmt.Sprintf("%s{%d}", symbol, n)
	}
	return join(b.exactly(b.block(symbol), n/block), b.exactly(symbol, n%block))
}

// upTo is the expression of a rule, 0 to n times. Every number is reached in one way
// only: as many whole blocks as there are, and then the rest.
//
//	S{0,n} = B{0,n/16-1} S{0,15} | B{n/16} S{0,n%16}
func (b *Builder) upTo(symbol string, n int) string {
	if n == 0 {
		return ""
	}
	if n < 2*block {
		b.items += 4 * n
		return fmt.Sprintf("%s{0,%d}", symbol, n)
	}
	whole := b.block(symbol)
	few := join(b.upTo(whole, n/block-1), b.upTo(symbol, block-1))
	all := join(b.exactly(whole, n/block), b.upTo(symbol, n%block))
	return b.share(fmt.Sprintf("%s-up-to-%d", symbol, n), few+" | "+all)
}

func (b *Builder) block(symbol string) string {
	b.items += block
	return b.share(symbol+"-block", fmt.Sprintf("%s{%d}", symbol, block))
}

// join is a sequence; empty parts are left out.
func join(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, " ")
}

// either is a choice between expressions.
func either(alternatives ...string) string { return strings.Join(alternatives, " | ") }
