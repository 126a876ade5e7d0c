package chat

// scanner reads one JSON value, byte by byte, and tells where it ends. The zero scanner
// stands before a value.
type scanner struct {
	state   scanState
	open    []byte // the brackets around the place, outermost first
	literal string // what a literal still needs
	digits  int    // what a \u escape still needs
}

// scanResult is what a byte does to the value.
type scanResult uint8

const (
	scanMore   scanResult = iota // the value goes on
	scanEnd                      // the byte is the value's last
	scanBehind                   // the value ended before the byte, as only a number can
	scanBad                      // the byte cannot stand there
)

type scanState uint8

const (
	scanValue      scanState = iota // a value must come
	scanFirstValue                  // a value, or the end of the list
	scanFirstKey                    // a key, or the end of the object
	scanKey                         // a key must come
	scanColon                       // behind a key
	scanComma                       // behind a value in a list or an object
	scanString
	scanEscape // behind a backslash
	scanHex
	scanLiteral
	scanMinus // the states of a number are named for what was read last
	scanZero
	scanInteger
	scanPoint
	scanFraction
	scanE
	scanESign
	scanExponent
)

// maxDepth bounds how deep values nest.
const maxDepth = 200

// next takes a byte of the value. White space around the value does not belong to it.
func (s *scanner) next(b byte) scanResult {
	switch s.state {
	case scanString:
		switch {
		case b == '"':
			return s.close()
		case b == '\\':
			s.state = scanEscape
		case b < ' ':
			return scanBad
		}
		return scanMore
	case scanEscape:
		switch b {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			s.state = scanString
		case 'u':
			s.state, s.digits = scanHex, 4
		default:
			return scanBad
		}
		return scanMore
	case scanHex:
		if !isDigit(b) && (b|0x20 < 'a' || b|0x20 > 'f') {
			return scanBad
		}
		if s.digits--; s.digits == 0 {
			s.state = scanString
		}
		return scanMore
	case scanLiteral:
		if b != s.literal[0] {
			return scanBad
		}
		if s.literal = s.literal[1:]; s.literal == "" {
			return s.close()
		}
		return scanMore
	}
	if s.state >= scanMinus {
		return s.number(b)
	}
	if isSpace(b) {
		return scanMore
	}
	switch s.state {
	case scanValue:
		return s.begin(b)
	case scanFirstValue:
		if b == ']' {
			return s.leave()
		}
		return s.begin(b)
	case scanFirstKey, scanKey:
		switch {
		case b == '"':
			s.state = scanString
			s.open = append(s.open, ':') // the string is a key
			return scanMore
		case b == '}' && s.state == scanFirstKey:
			return s.leave()
		}
		return scanBad
	case scanColon:
		if b != ':' {
			return scanBad
		}
		s.state = scanValue
		return scanMore
	default: // scanComma
		list := s.open[len(s.open)-1] == '['
		switch {
		case b == ',' && list:
			s.state = scanValue
		case b == ',':
			s.state = scanKey
		case b == ']' && list, b == '}' && !list:
			return s.leave()
		default:
			return scanBad
		}
		return scanMore
	}
}

// begin takes the first byte of a value.
func (s *scanner) begin(b byte) scanResult {
	switch {
	case b == '{' || b == '[':
		if len(s.open) == maxDepth {
			return scanBad
		}
		s.open = append(s.open, b)
		if s.state = scanFirstKey; b == '[' {
			s.state = scanFirstValue
		}
	case b == '"':
		s.state = scanString
	case b == 't':
		s.state, s.literal = scanLiteral, "rue"
	case b == 'f':
		s.state, s.literal = scanLiteral, "alse"
	case b == 'n':
		s.state, s.literal = scanLiteral, "ull"
	case b == '-':
		s.state = scanMinus
	case b == '0':
		s.state = scanZero
	case isDigit(b):
		s.state = scanInteger
	default:
		return scanBad
	}
	return scanMore
}

// number takes a byte of a number, or the one behind it.
func (s *scanner) number(b byte) scanResult {
	digit, exponent := isDigit(b), b == 'e' || b == 'E'
	switch {
	case s.state == scanMinus && b == '0':
		s.state = scanZero
	case (s.state == scanMinus || s.state == scanInteger) && digit:
		s.state = scanInteger
	case (s.state == scanZero || s.state == scanInteger) && b == '.':
		s.state = scanPoint
	case (s.state == scanPoint || s.state == scanFraction) && digit:
		s.state = scanFraction
	case (s.state == scanZero || s.state == scanInteger || s.state == scanFraction) && exponent:
		s.state = scanE
	case s.state == scanE && (b == '+' || b == '-'):
		s.state = scanESign
	case (s.state == scanE || s.state == scanESign || s.state == scanExponent) && digit:
		s.state = scanExponent
	case s.state == scanZero || s.state == scanInteger || s.state == scanFraction || s.state == scanExponent:
		if s.close() == scanEnd {
			return scanBehind
		}
		return s.next(b)
	default:
		return scanBad
	}
	return scanMore
}

// leave closes the innermost bracket.
func (s *scanner) leave() scanResult {
	s.open = s.open[:len(s.open)-1]
	return s.close()
}

// close ends a value or a key.
func (s *scanner) close() scanResult {
	if len(s.open) == 0 {
		return scanEnd
	}
	s.state = scanComma
	if last := len(s.open) - 1; s.open[last] == ':' {
		s.open = s.open[:last]
		s.state = scanColon
	}
	return scanMore
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// isSpace tells JSON's white space, which is that of templates and of answers too.
func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }
