package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// anyJSON draws a JSON value as a decoder with UseNumber has it.
func anyJSON(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
		rapid.Map(rapid.Int64(), func(n int64) any { return json.Number(fmt.Sprint(n)) }),
		rapid.SampledFrom([]any{json.Number("1e400"), json.Number("0.10"), json.Number("12345678901234567890")}),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	below := rapid.Deferred(func() *rapid.Generator[any] { return anyJSON(depth - 1) })
	return rapid.OneOf(append(leaves,
		rapid.SliceOfN(below, 0, 3).AsAny(),
		rapid.MapOfN(rapid.String(), below, 0, 3).AsAny())...)
}

func decoded(text string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// TestRewritten: arguments that are written anew mean the same, in other bytes.
func TestRewritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,3}`), anyJSON(2), 1, 4).Draw(t, "arguments")
		plain, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		anew := rewritten(string(plain))
		want, _ := decoded(string(plain))
		got, err := decoded(anew)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s became %s: %v", plain, anew, err)
		}
		if anew == string(plain) {
			t.Errorf("%s is written as it was", plain)
		}
	})
	if got, want := rewritten(`{"a":1,"b":[true,{}]}`), "{\n\"b\" : [ true , {\n } ] ,\"a\" : 1 }"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, text := range []string{"", `{"a":`, `{} {}`, "not JSON"} {
		if rewritten(text) != text {
			t.Errorf("%q became %q", text, rewritten(text))
		}
	}
}

// TestRetold: what a client sends back is read as what it heard, but for white space.
func TestRetold(t *testing.T) {
	call := sdk.ToolCall{ID: "abcdefghi", Type: "function", Function: wire.FunctionCall{Name: "lookup", Arguments: `{"kind":"file","lines":10}`}}
	for _, tc := range []struct {
		name    string
		text    string
		calls   []sdk.ToolCall
		number  int
		content string // as it is sent
	}{
		{"a text", " It is\n", nil, 1, `"It is"`},
		{"a text in parts", " It is\n", nil, 4, `[{"text":"It is","type":"text"}]`},
		{"a call alone", "\n", []sdk.ToolCall{call}, 4, `null`},
		{"a call behind a text", "So ", []sdk.ToolCall{call}, 3, `"So"`},
		{"nothing", "", nil, 1, `""`},
	} {
		data, err := json.Marshal(retold(tc.text, tc.calls, tc.number))
		if err != nil {
			t.Fatal(err)
		}
		var sent struct {
			Content json.RawMessage `json:"content"`
		}
		var m sdk.Message
		if err := json.Unmarshal(data, &sent); err != nil || string(sent.Content) != tc.content {
			t.Errorf("%s: the content is %s, want %s", tc.name, sent.Content, tc.content)
		}
		if err := json.Unmarshal(data, &m); err != nil || m.Role != "assistant" || string(m.Content) != strings.TrimSpace(tc.text) || len(m.ToolCalls) != len(tc.calls) {
			t.Errorf("%s: it is read as %+v, %v", tc.name, m, err)
		}
		for i, c := range m.ToolCalls {
			got, _ := decoded(c.Function.Arguments)
			want, _ := decoded(call.Function.Arguments)
			if !reflect.DeepEqual(got, want) || c.Function.Arguments == call.Function.Arguments {
				t.Errorf("%s: the arguments are %s", tc.name, c.Function.Arguments)
			}
			c.Function.Arguments = call.Function.Arguments
			if c != tc.calls[i] {
				t.Errorf("%s: the call is %+v", tc.name, c)
			}
		}
	}
	if call.Function.Arguments != `{"kind":"file","lines":10}` {
		t.Error("what was heard is changed")
	}
}

// TestReadChat takes answers that end as they must, and no others.
func TestReadChat(t *testing.T) {
	const text = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: waiting\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n"
	const calls = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n" +
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]}}]}\n\n"
	const usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":7}}}\n\n"
	var h heard
	said := 0
	err := readChat(strings.NewReader(text+calls+usage+"data: [DONE]\n\n"), func(c *chatChunk) {
		if c.says() {
			said++
		}
		h.add(c)
	})
	want := heard{text: "Hi", prompt: 9, cached: 7, calls: []sdk.ToolCall{{ID: "x", Type: "function", Function: wire.FunctionCall{Name: "f", Arguments: "{}"}}}}
	if err != nil || !reflect.DeepEqual(h, want) || said != 3 {
		t.Errorf("heard %+v in %d events, %v; want %+v in 3", h, said, err, want)
	}
	for _, tc := range []struct{ body, says string }{
		{text, "before its last part"},
		{text + "data: {\"error\":{\"message\":\"no room\"}}\n\ndata: [DONE]\n\n", "no room"},
		{"data: hello\n\n", "hello"},
	} {
		if err := readChat(strings.NewReader(tc.body), func(*chatChunk) {}); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: error %v, want one with %q", tc.body, err, tc.says)
		}
	}
}

// TestOverheadOf pairs: differences first, then quantiles.
func TestOverheadOf(t *testing.T) {
	var pairs []pair
	for i := range 20 { // HTTP has 1 to 20 ms more, of which steps have 0.5 ms; the order of the pairs is no matter
		sdk := time.Duration(100*((i*7)%20)) * time.Millisecond
		pairs = append(pairs, pair{
			http: firstContent{sdk + time.Duration(i+1)*time.Millisecond, sdk/2 + time.Millisecond/2},
			sdk:  firstContent{sdk, sdk / 2},
		})
	}
	var f overheadFigures
	f.of(pairs)
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-9 }
	if f.Pairs != 20 || !near(f.OverheadP50, 11) || !near(f.OverheadP95, 20) || !near(f.BesideP50, 10.5) || !near(f.BesideP95, 19.5) || !near(f.SDKFirst, 1000) || f.HTTPFirst <= f.SDKFirst {
		t.Errorf("%+v", f)
	}
}

// TestReuseOf conversations in both ways.
func TestReuseOf(t *testing.T) {
	call := func(id, arguments string) []sdk.ToolCall {
		return []sdk.ToolCall{{ID: id, Function: wire.FunctionCall{Name: "f", Arguments: arguments}}}
	}
	sdks := [][]heard{{{cached: 10, prompt: 30, calls: call("a", "{}")}, {cached: 30, prompt: 40, text: "x"}}, {{prompt: 9, text: "y"}}}
	over := [][]heard{{{cached: 10, prompt: 30, calls: call("b", "{}"), program: "p"}, {cached: 20, prompt: 41, text: "z", program: "p"}}, {{prompt: 9, text: "y", program: "q"}}}
	f, err := reuseOf(over, sdks)
	want := reuseFigures{ReuseRatio: 0.75, ReusedHTTP: 30, ReusedSDK: 40, PromptHTTP: 80, PromptSDK: 79, Conversations: 2, Turns: 3, Calls: 1, Programs: 2, Differ: 1}
	if err != nil || f != want {
		t.Errorf("%+v, %v; want %+v", f, err, want)
	}
	over[0][0].calls[0].Function.Arguments = "{ }"
	if f, _ := reuseOf(over, sdks); f.Differ != 2 {
		t.Errorf("%d answers differ where another's arguments do", f.Differ)
	}
	if _, err := reuseOf(over, [][]heard{{{}, {}}, {{}}}); err == nil {
		t.Error("a ratio to nothing")
	}
}

// TestStreams has few streams, of which every second is read slowly: run itself checks that
// those who keep up have all that was said, in its order.
func TestStreams(t *testing.T) {
	const pace = 2000
	s, err := (&streamLoad{streams: 6, pace: pace, window: 250 * time.Millisecond}).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.rate <= 0 {
		t.Errorf("%v tokens/s reach the readers", s.rate)
	}
	if s.resident == nil {
		t.Skip("no /proc here")
	}
	if most := mostResident(t); *s.resident < 5 || *s.resident > most {
		t.Errorf("%v MB are resident, and %v were at most", *s.resident, most)
	}
}

// mostResident is the most memory that the process has had, of 10⁶ bytes.
func mostResident(t *testing.T) float64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb * 1024 / 1e6
		}
	}
	t.Fatal("/proc/self/status does not say")
	return 0
}

// TestGatewayReport has the figures under the names that others read, and in words.
func TestGatewayReport(t *testing.T) {
	mb := 123.0
	r := &gatewayReport{Machine: "here", Model: "m", Quick: true, Repetitions: 3}
	r.OverheadP50, r.OverheadP95, r.ReuseRatio, r.RateRatio, r.Resident = 1.5, 2.5, 0.875, 0.75, &mb
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"overhead_ms_p50": 1.5, "overhead_ms_p95": 2.5, "reuse_vs_sdk": 0.875, "streams_400_tps_ratio": 0.75, "streams_400_rss_mb": 123.0,
		"machine": "here", "model": "m", "quick": true, "repetitions": 3.0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for _, says := range []string{"123 MB", "here", "quick", "0.875", "1.5 ms"} {
		var out bytes.Buffer
		if err := r.print(&out); err != nil || !strings.Contains(out.String(), says) {
			t.Errorf("%v; without %q:\n%s", err, says, out.String())
		}
	}
}
