package grammar

import (
	"fmt"
	"math/big"
	"strings"
)

// Numbers between limits have no exponent, so that their digits tell their order.
const (
	maxDigits  = 30 // of a limit before the point
	freeDigits = 18 // before the point, of a number without a limit; they fit 64 bits
	tailDigits = 24 // behind the point
)

// number is the expressions of the numbers that a shape admits; none where there are
// no such numbers.
func (c *converter) number(s shape) []string {
	whole := s.kinds&isNumber == isInteger
	low, high := c.reachable(s.low, -1), c.reachable(s.high, 1)
	switch {
	case low == nil && high == nil && whole:
		return []string{"integer"}
	case low == nil && high == nil:
		return []string{"number"}
	}
	if whole {
		low, high = roundUp(low), negative(roundUp(negative(high)))
	}
	return c.signed(low, high, whole)
}

// reachable is a limit that can be held: nil where no number reaches it, or where it
// has too many digits. Upper limits are on side 1, lower ones on -1.
func (c *converter) reachable(b *bound, side int) *bound {
	if b == nil {
		return nil
	}
	far := new(big.Int).Exp(big.NewInt(10), big.NewInt(maxDigits), nil)
	if abs := new(big.Rat).Abs(b.at); abs.Cmp(new(big.Rat).SetInt(far)) >= 0 {
		if b.at.Sign() != side {
			c.loosen(b.by.up, b.by.step, fmt.Sprintf("it has more than %d digits", maxDigits))
		}
		return nil
	}
	if digits, exact := b.at.FloatPrec(); !exact || digits >= tailDigits {
		c.loosen(b.by.up, b.by.step, fmt.Sprintf("it has %d digits behind the point or more", tailDigits))
		return nil
	}
	return b
}

// roundUp is the least integer at or above a lower limit, or above an open one.
func roundUp(b *bound) *bound {
	if b == nil {
		return nil
	}
	n, rest := new(big.Int).DivMod(b.at.Num(), b.at.Denom(), new(big.Int))
	if rest.Sign() > 0 || b.open {
		n.Add(n, big.NewInt(1))
	}
	return &bound{at: new(big.Rat).SetInt(n)}
}

func negative(b *bound) *bound {
	if b == nil {
		return nil
	}
	return &bound{at: new(big.Rat).Neg(b.at), open: b.open, by: b.by}
}

// signed is the numbers between two limits, of which nil is none.
func (c *converter) signed(low, high *bound, whole bool) (ways []string) {
	if low == nil || low.at.Sign() < 0 {
		least := &bound{at: new(big.Rat), open: true} // -0 is left out
		if whole {
			least = &bound{at: big.NewRat(1, 1)}
		}
		if way, ok := c.unsigned(higher(least, negative(high)), negative(low), whole); ok {
			ways = append(ways, `"-" `+way)
		}
	}
	if high == nil || high.at.Sign() >= 0 {
		if way, ok := c.unsigned(higher(&bound{at: new(big.Rat)}, low), high, whole); ok {
			ways = append(ways, way)
		}
	}
	return ways
}

// unsigned is the numbers from low, which is not below 0, to high.
func (c *converter) unsigned(low, high *bound, whole bool) (way string, ok bool) {
	if high == nil {
		digits := max(freeDigits, len(low.at.FloatString(0))+1)
		high = &bound{at: new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)), open: true}
		if whole {
			high = negative(roundUp(&bound{at: new(big.Rat).Neg(high.at), open: true}))
		}
	}
	if d := low.at.Cmp(high.at); d > 0 || d == 0 && (low.open || high.open) {
		return "", false
	}
	r := between{c: c, whole: whole, openLow: low.open, openHigh: high.open}
	r.low, r.lowTail = digitsOf(low.at)
	r.high, r.highTail = digitsOf(high.at)
	return r.number()
}

// digitsOf is the digits before and behind the point, without zeros at the end.
func digitsOf(r *big.Rat) (before, behind string) {
	n, _ := r.FloatPrec()
	before, behind, _ = strings.Cut(r.FloatString(n), ".")
	return before, strings.TrimRight(behind, "0")
}

// between writes the numbers between two limits digit by digit. As long as the digits
// are those of a limit, the next is bounded by the limit's next: the number is tight to it.
type between struct {
	c                 *converter
	whole             bool
	low, lowTail      string
	high, highTail    string
	openLow, openHigh bool
}

// number goes through the lengths that the part before the point can have.
func (r *between) number() (way string, ok bool) {
	var ways []string
	add := func(way string, ok bool) {
		if ok {
			ways = append(ways, way)
		}
	}
	if len(r.low) == len(r.high) {
		return r.digit(0, true, true)
	}
	add(r.digit(0, true, false))
	if len(r.high)-len(r.low) > 1 {
		rest, _ := r.point(false, false)
		add(join("[1-9]", r.c.repeat("digit", len(r.low), len(r.high)-2), rest), true)
	}
	add(r.digit(0, false, true))
	return group(ways)
}

// digit is what may come from digit i before the point on. It has as many digits as
// the limit that it is tight to.
func (r *between) digit(i int, low, high bool) (way string, ok bool) {
	n := len(r.high)
	if low {
		n = len(r.low)
	}
	if low && r.lowTail == "" && !r.openLow && strings.Trim(r.low[i:], "0") == "" {
		low = false // whatever comes is no less
	}
	if high && r.whole && strings.Trim(r.high[i:], "9") == "" {
		high = false // nor more
	}
	if !low && !high {
		first := ""
		if i == 0 && n > 1 {
			first = "[1-9]"
			i++
		}
		rest, ok := r.point(false, false)
		return join(first, r.c.exactly("digit", n-i), rest), ok
	}
	if i == n {
		return r.point(low, high)
	}
	least, most := byte('0'), byte('9')
	if i == 0 && n > 1 {
		least = '1'
	}
	if low {
		least = r.low[i]
	}
	if high {
		most = r.high[i]
	}
	return r.choose(least, most, low, high, func(low, high bool) (string, bool) {
		if !low && !high {
			rest, _ := r.point(false, false)
			return join(r.c.exactly("digit", n-i-1), rest), true
		}
		return r.digit(i+1, low, high)
	})
}

// choose is a digit from least to most, and what may come behind it: the first and
// the last leave the number as tight as it is, those between free it.
func (r *between) choose(least, most byte, low, high bool, behind func(low, high bool) (string, bool)) (way string, ok bool) {
	var ways []string
	add := func(first, last byte, low, high bool) {
		if first > last {
			return
		}
		if rest, ok := behind(low, high); ok {
			ways = append(ways, join(digits(first, last), rest))
		}
	}
	if low && high && least == most {
		add(least, least, true, true)
		return group(ways)
	}
	if least > most {
		return "", false
	}
	if low {
		add(least, least, true, false)
		least++
	}
	if high {
		most--
	}
	add(least, most, false, false)
	if high {
		add(most+1, most+1, false, true)
	}
	return group(ways)
}

// point is what may come behind the part before the point.
func (r *between) point(low, high bool) (way string, ok bool) {
	end := r.mayEnd(0, low, high)
	if r.whole {
		return "", end
	}
	tail, ok := r.tail(0, low, high)
	switch {
	case !ok:
		return "", end
	case end:
		return `("." ` + tail + `)?`, true
	}
	return `"." ` + tail, true
}

// mayEnd tells whether a number may end behind i digits of its tail.
func (r *between) mayEnd(i int, low, high bool) bool {
	enough := !low || i >= len(r.lowTail) && !r.openLow
	little := !high || i < len(r.highTail) || !r.openHigh
	return enough && little
}

// tail is what may come behind i digits of it, and at least one if there are none yet.
func (r *between) tail(i int, low, high bool) (way string, ok bool) {
	least := 0
	if i == 0 {
		least = 1
	}
	if i >= len(r.lowTail) && !r.openLow {
		low = false // it is the limit, and whatever comes makes it more
	}
	switch {
	case !low && !high:
		return r.c.repeat("digit", least, tailDigits-i), true
	case high && i >= len(r.highTail): // it is the limit, and only zeros leave it there
		return fmt.Sprintf(`"0"{%d,%d}`, least, tailDigits-i), !r.openHigh
	case low && !high && i >= len(r.lowTail): // it is the open limit until another digit comes
		zeros := (tailDigits - i) / 2
		r.c.items += 4 * zeros
		return fmt.Sprintf(`"0"{0,%d} [1-9] %s`, zeros, r.c.repeat("digit", 0, tailDigits-i-zeros-1)), true
	}
	first, last := byte('0'), byte('9')
	if low && i < len(r.lowTail) {
		first = r.lowTail[i]
	}
	if high {
		last = r.highTail[i]
	}
	way, ok = r.choose(first, last, low, high, func(low, high bool) (string, bool) { return r.tail(i+1, low, high) })
	if i > 0 && r.mayEnd(i, low, high) {
		if !ok {
			return "", true
		}
		return "(" + way + ")?", true
	}
	return way, ok
}

// group is a choice as one expression; false where there is nothing to choose.
func group(ways []string) (way string, ok bool) {
	switch len(ways) {
	case 0:
		return "", false
	case 1:
		return ways[0], true
	}
	return "(" + either(ways...) + ")", true
}

func digits(first, last byte) string {
	if first == last {
		return fmt.Sprintf(`"%c"`, first)
	}
	return fmt.Sprintf("[%c-%c]", first, last)
}
