package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// deadlines is a ResponseWriter that notes what is written between two deadlines, and takes no
// more than so many portions.
type deadlines struct {
	header   http.Header
	portions []bytes.Buffer
	takes    int
}

func (d *deadlines) Header() http.Header { return d.header }
func (d *deadlines) WriteHeader(int)     {}
func (d *deadlines) FlushError() error   { return nil }
func (d *deadlines) SetWriteDeadline(time.Time) error {
	d.portions = append(d.portions, bytes.Buffer{})
	return nil
}
func (d *deadlines) Write(p []byte) (int, error) {
	if len(d.portions) > d.takes {
		return 0, errors.New("gone")
	}
	return d.portions[len(d.portions)-1].Write(p)
}

// TestLongEvent has as much time for each portion as a short event, so that a client which
// reads slowly, but reads, has the whole of it; and nothing is written to one that is gone.
func TestLongEvent(t *testing.T) {
	d := &deadlines{header: http.Header{}, takes: 100}
	e := newEvents(d)
	text := strings.Repeat("0123456789", 1000)
	e.send("", text)
	var all string
	for i := range d.portions {
		if n := d.portions[i].Len(); n > portion {
			t.Errorf("%d bytes have one deadline", n)
		}
		all += d.portions[i].String()
	}
	if want := fmt.Sprintf("data: %q\n\n", text); all != want || e.failed != nil {
		t.Errorf("%d bytes of %d are written, %v", len(all), len(want), e.failed)
	}
	d.portions, d.takes = nil, 2
	e.send("", text)
	e.send("", text)
	if e.failed == nil || len(d.portions) != 3 {
		t.Errorf("%d portions are tried where the third fails, %v", len(d.portions), e.failed)
	}
}
