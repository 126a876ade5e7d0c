package eventlog_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/kvpin"
	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/eventlog"
)

// TestEveryKindOfEvent fills every field of every type that is a core.Event, by the
// source of package core, and reads it again.
func TestEveryKindOfEvent(t *testing.T) {
	samples := map[string]core.Event{}
	for _, ev := range []core.Event{
		&core.TurnArrived{}, &core.TurnFetched{}, &core.TurnCancelled{}, &core.ProgramEnded{}, &core.ToolStarted{}, &core.ToolProgress{},
		&core.ContextRewritten{}, &core.MoveDone{}, &core.StepDone{}, &core.Tick{},
	} {
		fill(reflect.ValueOf(ev).Elem())
		if a, ok := ev.(*core.TurnArrived); ok { // its runs have to be parts of its context
			a.Runs = []core.Run{{Count: 2, Source: "p", From: 7, Mend: 1}, {At: 3, Count: 2, Mend: 2}}
		}
		samples[eventlog.KindOf(ev)] = ev
	}
	for _, name := range eventTypes(t) {
		t.Run(name, func(t *testing.T) {
			ev := samples[name]
			if ev == nil {
				t.Fatal("no sample of it here, and maybe no encoding")
			}
			file := &memory{}
			w, err := eventlog.NewWriter(file, false, eventlog.Header{Config: tight()}, eventlog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			effects := []core.Effect{{Kind: core.ForgetProgram}}
			w.Observe(77, ev, effects)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := eventlog.NewReader(&file.Buffer)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for rec, err := range r.Records() {
				if err != nil {
					t.Fatal(err)
				}
				if n++; rec.Line != 2 || rec.Now != 77 || rec.Digest != eventlog.Digest(effects) || !reflect.DeepEqual(rec.Event, ev) {
					t.Errorf("%+v of %+v is read as %+v of %+v", ev, rec, rec.Event, rec)
				}
			}
			if n != 1 || !r.End().Closed {
				t.Errorf("%d events, and the end is %+v", n, r.End())
			}
		})
	}
}

// eventTypes are the types of package core that have the method event.
func eventTypes(t *testing.T) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../core/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if m, ok := d.(*ast.FuncDecl); ok && m.Recv != nil && m.Name.Name == "event" {
			names = append(names, m.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
		}
	}
	if len(names) < 10 {
		t.Fatalf("found the events %q alone", names)
	}
	return names
}

// fill sets every field to something that is not its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.String:
		v.SetString("é \"quoted\" <tag> \u2028 \x01")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(5)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(0.1)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		fill(v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Func: // the policy goes by its name
	case reflect.Pointer: // what was learnt is checked: TestHeader makes it
	default:
		panic(fmt.Sprintf("a field of kind %v", v.Kind()))
	}
}

// TestHeader writes every field of the configuration and reads it again.
func TestHeader(t *testing.T) {
	h := eventlog.Header{Policy: "plas", Build: "b", Arch: "c"}
	fill(reflect.ValueOf(&h.Config).Elem())
	h.Config.Geometry = kvpin.Geometry{CellBytes: 2, Granule: 4, Span: 8, PoolBytes: 1000}
	h.Config.Learnt = learnt(t)
	file := &memory{}
	w, err := eventlog.NewWriter(file, false, h, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := eventlog.NewReader(&file.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	if got := *r.Header(); !reflect.DeepEqual(got, h) {
		t.Errorf("%+v is read as %+v", h, got)
	}
}

// learnt is more than fits in the line of an event.
func learnt(t *testing.T) *core.Learnt {
	m, err := core.New(tight())
	if err != nil {
		t.Fatal(err)
	}
	l := m.Learnt()
	for i := range 3000 {
		opening := programs.ProgramID(fmt.Sprint(strings.Repeat("a long name of an opening ", 20), i))
		l.Remaining.Kinds = append(l.Remaining.Kinds, core.Kind{Tenant: "a", Opening: opening, Turns: []float64{2, 1}, Ends: []float64{0, 0.5}, Timed: 3, Cost: 0.1})
	}
	return l
}

// TestDigest changes one field of an effect after the other: each changes the digest.
func TestDigest(t *testing.T) {
	var e core.Effect
	fill(reflect.ValueOf(&e).Elem())
	seen := map[uint64]string{eventlog.Digest([]core.Effect{e}): "none", eventlog.Digest(nil): "no effect", eventlog.Digest([]core.Effect{e, e}): "twice"}
	var each func(path string, v reflect.Value)
	each = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				each(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		case reflect.Slice:
			for i := range v.Len() {
				each(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
			return
		}
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Int64:
			v.SetInt(v.Int() + 1)
		case reflect.Float64:
			v.SetFloat(v.Float() + 1)
		default:
			v.SetUint(v.Uint() + 1)
		}
		digest := eventlog.Digest([]core.Effect{e})
		if same, ok := seen[digest]; ok {
			t.Errorf("a change of %s has the digest of that of %s", path, same)
		}
		seen[digest] = path
		v.Set(before)
	}
	each("effect", reflect.ValueOf(&e).Elem())
	if len(seen) < 40 {
		t.Errorf("only %d fields were changed", len(seen))
	}
}

const event = `{"at":5,"event":"Tick","of":{},"digest":"cbf29ce484222325"}`

// TestUnreadable are logs that are not as they should be.
func TestUnreadable(t *testing.T) {
	header := strings.TrimSuffix(recorded(t)[0], "\n")
	for _, c := range []struct {
		name, log string
		want      string
	}{
		{"empty", "", "before the header does"},
		{"cut in the header", header[:50], "before the header does"},
		{"no log", "hello\n", "no event log"},
		{"other JSON", "{}\n", "no event log"},
		{"another version", strings.Replace(header, `"version":5`, `"version":1`, 1) + "\n", "version 1"},
		{"an unknown field", strings.Replace(header, `"MaxContext"`, `"MostContext"`, 1) + "\n", "MostContext"},
		{"an unknown policy", strings.Replace(header, `"interlude"`, `"magic"`, 1) + "\n", "magic"},
		{"no cells", strings.Replace(header, `"CellBytes":3`, `"CellBytes":0`, 1) + "\n", "CellBytes"},
		{"a huge pool", strings.Replace(header, `"PoolBytes":3072`, `"PoolBytes":9223372036854775807`, 1) + "\n", "9223372036854775807"},
		{"no JSON", header + "\nhello\n" + event, "line 2"},
		{"an unknown kind", header + "\n" + strings.Replace(event, "Tick", "Tock", 1) + "\n", `line 2: an event of kind "Tock"`},
		{"an unknown field of an event", header + "\n" + strings.Replace(event, `{}`, `{"x":1}`, 1) + "\n", "line 2"},
		{"an unknown field of a line", header + "\n" + strings.Replace(event, `"of"`, `"x":1,"of"`, 1) + "\n", "line 2"},
		{"no time", header + "\n" + strings.Replace(event, `"at":5,`, ``, 1) + "\n", "at"},
		{"no digest", header + "\n" + strings.Replace(event, `cbf29ce484222325`, ``, 1) + "\n", "digest"},
		{"back in time", header + "\n" + event + "\n" + strings.Replace(event, `5`, `4`, 1) + "\n", "line 3"},
		{"an arrival to come", header + "\n" + strings.Replace(event, `"Tick","of":{}`, `"TurnArrived","of":{"Arrived":6}`, 1) + "\n", "Arrived"},
		{"a negative share", header + "\n" + strings.Replace(event, `"Tick","of":{}`, `"TurnArrived","of":{"Inherits":-6}`, 1) + "\n", "Inherits"},
		{"a past with more of the same than there is", header + "\n" + strings.Replace(event, `"Tick","of":{}`, `"TurnArrived","of":{"Past":{"Tokens":5,"Same":6}}`, 1) + "\n", "Past has 5"},
		{"an unknown result", header + "\n" + strings.Replace(event, `"Tick","of":{}`, `"StepDone","of":{"Results":[9]}`, 1) + "\n", "result 9"},
		{"an unknown end", header + "\n" + `{"end":"soon"}` + "\n", "soon"},
		{"more after the end", header + "\n" + `{"end":"closed"}` + "\n" + event + "\n", "follows the end"},
		{"a long line", header + "\n" + strings.Repeat(" ", 1<<20) + event + "\n", "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := read(c.log); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("reading says %v, which is not about %q", err, c.want)
			}
		})
	}
}

func read(log string) error {
	r, err := eventlog.NewReader(strings.NewReader(log))
	if err != nil {
		return err
	}
	for _, err := range r.Records() {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestCutShort reads a log that ends anywhere: all its whole lines count.
func TestCutShort(t *testing.T) {
	lines := recorded(t)
	log := strings.Join(lines, "")
	for n := len(lines[0]); n <= len(log); n += min(3, max(1, len(log)-n-5)) {
		r, err := eventlog.NewReader(strings.NewReader(log[:n]))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		events := 0
		for _, err := range r.Records() {
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			events++
		}
		whole, at := -1, 0 // the header is no event
		for _, line := range lines {
			if at += len(line); n < at-1 { // one that lacks its line's end alone is whole
				break
			}
			whole++
		}
		closed := whole == len(lines)-1
		if closed {
			whole--
		}
		if events != whole || r.End().Closed != closed || r.End().Why == "" {
			t.Fatalf("%d bytes: %d events of %d, end %+v", n, events, whole, r.End())
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("{}\n")
	file := &memory{}
	w, err := eventlog.NewWriter(file, false, eventlog.Header{Config: tight()}, eventlog.Options{})
	if err != nil {
		f.Fatal(err)
	}
	w.Observe(1, &core.TurnArrived{Turn: programs.TurnID{Program: "a", Turn: 1}, Context: 5}, nil)
	w.Observe(2, &core.StepDone{Results: []core.ItemResult{1}}, nil)
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	log := file.String()
	f.Add(log)
	f.Add(log[:len(log)-30])
	header, _, _ := strings.Cut(log, "\n")
	f.Add(header + "\n" + event + "\n")
	f.Fuzz(func(t *testing.T, log string) {
		_ = read(log)
		_, _, _ = replay(log) // whatever is wrong is an error
	})
}
