package plot

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
)

// loadTicks marks the loads, and labels those that have the room for it.
type loadTicks []float64

// Ticks implements plot.Ticker.
func (l loadTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	room, labelled := 0.06*(high-low), math.Inf(-1)
	for _, v := range slices.Compact(slices.Sorted(slices.Values(l))) {
		t := plot.Tick{Value: v}
		if v-labelled >= room {
			t.Label, labelled = fmt.Sprintf("%g", v), v
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// decades labels 1, 2 and 5 of each power of ten.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for power := decade(low); power <= decade(high)+1; power++ {
		for n := 1; n < 10; n++ {
			t := plot.Tick{Value: times(n, power)}
			if t.Value < low || t.Value > high {
				continue
			}
			if n == 1 || n == 2 || n == 5 {
				t.Label = strconv.FormatFloat(t.Value, 'f', max(0, -power), 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// labelBelow is the nearest labelled value below v.
func labelBelow(v float64) float64 {
	for power := decade(v); ; power-- {
		for _, n := range [...]int{5, 2, 1} {
			if label := times(n, power); label < v {
				return label
			}
		}
	}
}

// labelAbove is the nearest labelled value above v.
func labelAbove(v float64) float64 {
	for power := decade(v); ; power++ {
		for _, n := range [...]int{1, 2, 5} {
			if label := times(n, power); label > v {
				return label
			}
		}
	}
}

func decade(v float64) int { return int(math.Floor(math.Log10(v))) }

// times is n·10^power, the float nearest to it, so that ends of axes equal their ticks.
func times(n, power int) float64 {
	if power < 0 {
		return float64(n) / math.Pow10(-power)
	}
	return float64(n) * math.Pow10(power)
}
