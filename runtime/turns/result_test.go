package turns

import (
	"reflect"
	"testing"
	"time"

	"github.com/interlude-run/interlude/sdk/wire"
)

// TestEveryFieldOfAResult: what a turn says of itself is filled in, a result that is too
// large loses what makes it large, and each other field of a result stays, whichever are
// added. Who adds one decides here what becomes of it.
func TestEveryFieldOfAResult(t *testing.T) {
	const (
		kept    = "kept"
		dropped = "dropped" // is empty then
		changed = "changed"
	)
	oversizedDoes := map[string]string{
		"Version": kept, "Tenant": kept, "Program": kept, "Turn": kept,
		"Outcome": changed, "FinishReason": dropped, "Text": dropped, "Pieces": dropped, "Tokens": dropped, "Logprobs": dropped, "Loosened": kept, "Error": changed, "Moved": kept, "Strayed": kept,
		"Usage": kept, "Miss": kept, "Timing": kept, "Pin": kept, "Node": kept, "Attempt": kept,
	}
	completeDoes := map[string]string{"Version": changed, "Tenant": changed, "Program": changed, "Turn": changed, "Timing": changed}

	full := filled[wire.Result](t)
	before := full
	small := oversized(&full, 9_000_000)
	turn := filled[wire.Turn](t)
	turn.Tenant, turn.Program, turn.Turn = "another", "program", 7
	turn.AcceptedAt = turn.AcceptedAt.Add(time.Hour)
	completed := full
	complete(&completed, turn.ID(), turn.AcceptedAt, turn.AcceptedAt.Add(time.Second))

	fields := reflect.TypeFor[wire.Result]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		of := func(r *wire.Result) reflect.Value { return reflect.ValueOf(r).Elem().Field(i) }
		if !reflect.DeepEqual(of(&full).Interface(), of(&before).Interface()) {
			t.Errorf("oversized changes %s of the result that it is given", name)
		}
		became := func(now *wire.Result) string {
			switch {
			case reflect.DeepEqual(of(now).Interface(), of(&full).Interface()):
				return kept
			case of(now).IsZero():
				return dropped
			}
			return changed
		}
		if want, known := oversizedDoes[name]; !known || became(small) != want {
			t.Errorf("oversized: %s is %s, want %s (say in this test what becomes of a new field)", name, became(small), want)
		}
		want := kept
		if w, ok := completeDoes[name]; ok {
			want = w
		}
		if became(&completed) != want {
			t.Errorf("complete: %s is %s, want %s", name, became(&completed), want)
		}
	}
	if small.Outcome != wire.Failed || small.Error.Code != wire.CodeTooLarge {
		t.Errorf("it ends as %s, %v", small.Outcome, small.Error)
	}
	if completed.Timing.TotalMS != full.Timing.TotalMS || !completed.Timing.AcceptedAt.Equal(turn.AcceptedAt) {
		t.Errorf("timing %+v", completed.Timing)
	}
}

// filled is a value none of whose fields is zero.
func filled[T any](t *testing.T) (v T) {
	fill(t, reflect.ValueOf(&v).Elem())
	return v
}

func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 3, 7, 14, 5, 9, 0, time.UTC)))
	case v.CanInt():
		v.SetInt(99)
	case v.CanUint():
		v.SetUint(99)
	case v.CanFloat():
		v.SetFloat(99)
	case v.Kind() == reflect.String:
		v.SetString("ninety-nine")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		t.Fatalf("a %v cannot be filled", v.Type())
	}
}
