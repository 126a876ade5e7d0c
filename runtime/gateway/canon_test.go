package gateway

import "testing"

// TestCanonicalJSON: what clients make of the same arguments is the same, and other arguments
// are not.
func TestCanonicalJSON(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		same       bool
	}{
		{"spaces and order", `{"a":1,"b":[true,null]}`, "{\n\"b\" : [ true , null ] , \"a\" : 1 }", true},
		{"escapes", `{"a":"<é/"}`, `{"a":"\u003c\u00e9\/"}`, true},
		{"a whole number as JavaScript writes it", `{"a":1.0,"b":1e2}`, `{"a":1,"b":100}`, true},
		{"a large number as JavaScript writes it", `{"a":12345678901234567890}`, `{"a":12345678901234567000}`, true},
		{"another number", `{"a":1.5}`, `{"a":1}`, false},
		{"a number and its text", `{"a":1}`, `{"a":"1"}`, false},
		{"another key", `{"a":1}`, `{"b":1}`, false},
		{"a list in another order", `[1,2]`, `[2,1]`, false},
		{"no JSON", `{"a":`, `{"a": `, false},
		{"two values", `{} {}`, `{}  {}`, false},
		{"numbers that are too large", `{"a":1e400}`, `{"a":2e400}`, false},
	} {
		if same := canonicalJSON(tc.a) == canonicalJSON(tc.b); same != tc.same {
			t.Errorf("%s: %s and %s are the same: %v", tc.name, canonicalJSON(tc.a), canonicalJSON(tc.b), same)
		}
	}
}
