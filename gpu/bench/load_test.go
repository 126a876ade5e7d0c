package bench

import "testing"

func TestParseLoad(t *testing.T) {
	busy, all, ok := parseLoad([]byte("cpu  100 200 300 4000 500 10 20 30 7 9\ncpu0 1 2 3\n"))
	if !ok || busy != 6.6 || all != 51.6 {
		t.Errorf("busy %v of %v, %v; want 6.6 of 51.6", busy, all, ok)
	}
	for _, bad := range []string{"", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3 4 5 6 7 x\n"} {
		if _, _, ok := parseLoad([]byte(bad)); ok {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestOthers(t *testing.T) {
	var o others
	if o.share() != 0 {
		t.Error("nothing is known, and something is said")
	}
	o.add(load{busy: 10, all: 100, own: 5}, load{busy: 19, all: 110, own: 12}) // 9 of 10 busy, 7 ours
	if o.share() != 0.2 {
		t.Errorf("others had %v, want 0.2", o.share())
	}
	o.add(load{busy: 19, all: 110, own: 12}, load{busy: 28, all: 120, own: 22}) // the clocks' rounding is not theirs
	if o.share() != 0.1 {
		t.Errorf("others had %v, want 0.1", o.share())
	}
}
