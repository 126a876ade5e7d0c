package eventlog

import (
	"encoding/binary"
	"hash/fnv"
	"math"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
)

// digester sums effects up in 64 bits: FNV-1a over all fields of each in their order,
// numbers as varints, text and lists with their length before them.
type digester struct{ buffer []byte }

// Digest sums up the effects of a Step. Different effects have different digests, but
// for a chance of one in 2⁶⁴.
func Digest(effects []core.Effect) uint64 { return new(digester).digest(effects) }

func (d *digester) digest(effects []core.Effect) uint64 {
	h := fnv.New64a()
	for i := range effects {
		d.buffer = appendEffect(d.buffer[:0], &effects[i])
		h.Write(d.buffer)
	}
	return h.Sum64()
}

func appendEffect(b []byte, e *core.Effect) []byte {
	b = append(b, byte(e.Kind))
	b = appendTurn(b, e.Turn)
	b = appendCounts(b, e.Seq, e.From)
	b = appendNumbers(b, e.Cells)
	b = append(b, byte(e.Cause))
	b = appendCounts(b, e.Move)
	b = appendCounts(b, e.Owner)
	b = appendNumbers(b, e.First)
	b = append(b, byte(e.Source), byte(e.Tier))
	b = appendBool(b, e.Ahead)
	b = appendNumbers(b, e.Pin.TTL, e.Pin.Expected, e.Pin.Reload)
	b = appendCounts(b, uint(len(e.Items)))
	for i := range e.Items {
		b = appendItem(b, &e.Items[i])
	}
	b = append(b, byte(e.Outcome), byte(e.Rejection))
	b = appendNumbers(b, e.Usage.Reused, e.Usage.Restored, e.Usage.Prefilled, e.Usage.Generated)
	b = append(b, byte(e.Missed.Why))
	b = appendNumbers(b, e.Missed.Tokens)
	if e.Strayed != 0 {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.Strayed))
	}
	if e.At != 0 || e.Usage.Moved != 0 || e.Donor != (programs.TurnID{}) { // logs from before these keep their digests
		b = appendNumbers(b, e.At, e.Usage.Moved)
		b = appendTurn(b, e.Donor)
	}
	b = appendNumbers(b, e.Timing.Arrived, e.Timing.Started, e.Timing.First, e.Timing.Promised, e.Timing.Finished)
	return appendNumbers(b, e.Timing.Restoring, e.Timing.Fetching, e.Retry)
}

func appendItem(b []byte, i *core.Item) []byte {
	b = appendCounts(b, i.Seq)
	b = appendTurn(b, i.Turn)
	b = appendNumbers(b, i.From, i.Count)
	for _, s := range i.Spans {
		b = appendNumbers(b, s.From, s.Count)
	}
	for _, c := range i.Checks {
		b = append(b, 3)
		b = appendNumbers(b, c.From, c.Count)
	}
	if i.Ahead {
		b = append(b, 2)
	}
	return appendBool(b, i.Sample)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendTurn(b []byte, t programs.TurnID) []byte {
	b = appendCounts(b, uint(len(t.Program)))
	b = append(b, t.Program...)
	return appendNumbers(b, t.Turn)
}

func appendCounts[N kvpin.Seq | kvpin.Owner | core.MoveID | uint](b []byte, ns ...N) []byte {
	for _, n := range ns {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

func appendNumbers[N programs.Tokens | programs.Time | programs.Duration | programs.TurnNumber](b []byte, ns ...N) []byte {
	for _, n := range ns {
		b = binary.AppendVarint(b, int64(n))
	}
	return b
}
