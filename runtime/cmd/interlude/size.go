package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSize is a number of bytes that people write as 512MiB or 2GiB.
type byteSize int64

var byteUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads a size. A number without a unit counts bytes.
func (b *byteSize) UnmarshalText(text []byte) error {
	s, factor := strings.TrimSpace(string(text)), int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v*float64(factor) <= 1<<60) {
		return fmt.Errorf("%q is no size; write 512MiB or 2GiB", text)
	}
	*b = byteSize(v * float64(factor))
	return nil
}
