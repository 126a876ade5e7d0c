//go:build !(cgo && linux && nvml)

package nvml

import (
	"errors"
	"testing"
)

func TestThisBuildSaysThatItHasNone(t *testing.T) {
	if m, err := Open(); m != nil || !errors.Is(err, ErrNotBuilt) {
		t.Errorf("got %v, %v; want ErrNotBuilt", m, err)
	}
}
