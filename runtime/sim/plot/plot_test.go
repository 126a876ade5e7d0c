package plot_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/runtime/sim/plot"
)

func loads() *plot.LoadFigure {
	return &plot.LoadFigure{
		Title: "agentcgroup on a100-8b",
		Loads: []float64{0.5, 0.8, 0.95},
		Curves: []plot.Curve{
			{Name: "interlude", Mean: []float64{367, 456, 563}, Half: []float64{30, 40, 80}},
			{Name: "thunder", Mean: []float64{381, 512, 820}, Half: []float64{30, 50, 900}},
			{Name: "request-fcfs", Mean: []float64{4605, 12226, 19710}},
		},
		Bound: []float64{290, 292, 300},
	}
}

func timeline() *plot.Timeline {
	s := func(seconds float64) programs.Time { return programs.Time(programs.Seconds(seconds)) }
	return &plot.Timeline{Title: "three programs", Rows: []plot.Row{
		{Name: "first", Spans: []plot.Span{
			{From: s(0), To: s(3), State: plot.Prefill}, {From: s(3), To: s(12), State: plot.Decode},
			{From: s(12), To: s(40), State: plot.Pinned}, {From: s(40), To: s(41), State: plot.Prefill}, {From: s(41), To: s(55), State: plot.Decode},
		}},
		{Name: "second", Spans: []plot.Span{
			{From: s(5), To: s(12), State: plot.Waiting}, {From: s(12), To: s(20), State: plot.Prefill}, {From: s(20), To: s(22), State: plot.Decode},
			{From: s(22), To: s(30), State: plot.Partly}, {From: s(30), To: s(60), State: plot.Dropped}, {From: s(60), To: s(63), State: plot.Loading},
		}},
		{Name: "third"},
	}}
}

type figure interface{ Save(path string) error }

// written gives the figure as an SVG.
func written(t *testing.T, f figure) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "figure.svg")
	if err := f.Save(path); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestFiguresSayWhatTheyShow looks for every name and label, and for as many shapes as
// there are values.
func TestFiguresSayWhatTheyShow(t *testing.T) {
	out := written(t, loads())
	for _, want := range []string{"agentcgroup on a100-8b", "interlude", "thunder", "request-fcfs", "lower bound", "mean completion time, s", ">500<", ">10000<"} {
		if !strings.Contains(out, want) {
			t.Errorf("the loads do not say %q", want)
		}
	}
	out = written(t, timeline())
	for _, want := range []string{"three programs", "first", "second", "third", "turn waits", "cells come back", "tool, cells kept", "tool, cells gone", "time, s"} {
		if !strings.Contains(out, want) {
			t.Errorf("the timeline does not say %q", want)
		}
	}
	late := timeline()
	late.Rows[2].Spans = []plot.Span{{To: programs.Time(programs.Hour), State: plot.Pinned}}
	if out := written(t, late); !strings.Contains(out, "time, min") {
		t.Error("an hour is not shown in minutes")
	}
}

// TestTheSameNumbersGiveTheSameBytes draws everything twice, in every format but PDF,
// which is dated.
func TestTheSameNumbersGiveTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	for _, ending := range plot.Formats {
		for name, f := range map[string]figure{"loads": loads(), "timeline": timeline()} {
			var files [2][]byte
			for i := range files {
				path := filepath.Join(dir, name+ending)
				if err := f.Save(path); err != nil {
					t.Fatal(err)
				}
				files[i], _ = os.ReadFile(path)
			}
			if len(files[0]) == 0 || ending != ".pdf" && !bytes.Equal(files[0], files[1]) {
				t.Errorf("%s%s: %d bytes, and another time others", name, ending, len(files[0]))
			}
		}
	}
}

// TestWhatCannotBeDrawn is refused with a reason, and nothing is written.
func TestWhatCannotBeDrawn(t *testing.T) {
	noLoads, short, nan, zero := loads(), loads(), loads(), loads()
	noLoads.Loads = nil
	short.Curves[1].Mean = short.Curves[1].Mean[:2]
	nan.Curves[0].Half[1] = math.NaN()
	zero.Bound[0] = 0
	overlap, many := timeline(), timeline()
	overlap.Rows[0].Spans[1].From = 0
	many.Rows = make([]plot.Row, plot.MaxRows+1)
	dir := t.TempDir()
	for name, f := range map[string]figure{
		"no loads": noLoads, "a value too few": short, "NaN": nan, "zero on a logarithmic scale": zero,
		"spans that overlap": overlap, "too many rows": many, "no rows": &plot.Timeline{},
	} {
		if err := f.Save(filepath.Join(dir, "x.svg")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := loads().Save(filepath.Join(dir, "x.gif")); err == nil || !strings.Contains(err.Error(), ".svg") {
		t.Errorf("a format that there is not: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}
