package replay

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// echo answers after a second, and has the first text after a quarter of it. It fails
// the run that it is told to.
type echo struct{ fails string }

type echoTalk struct {
	run   *Run
	fails bool
	turns int
}

func (e echo) Begin(run *Run) Talk { return &echoTalk{run: run, fails: run.Name == e.fails} }

func (e *echoTalk) Turn(ctx context.Context, t *Turn, last bool, first func()) (Answer, error) {
	if want := &e.run.Turns[e.turns]; t != want || last != (e.turns == len(e.run.Turns)-1) {
		return Answer{}, errors.New("not the next turn")
	}
	e.turns++
	if e.fails && e.turns == 2 {
		return Answer{}, errors.New("boom")
	}
	if !sleep(ctx, time.Second/4) {
		return Answer{}, ctx.Err()
	}
	if t.Says != "silence" {
		first()
	}
	if !sleep(ctx, time.Second*3/4) {
		return Answer{}, ctx.Err()
	}
	return Answer{Text: e.run.Name + t.Says, Prefilled: 2, Reused: e.turns, Generated: 1}, nil
}

var two = []Run{
	{ID: "x", Name: "run-1", Turns: []Turn{{Says: "a", Gap: 2 * time.Second}, {Says: "silence"}}},
	{ID: "y", Name: "run-2", Turns: []Turn{{Says: "b", Gap: time.Second}, {Says: "c", Gap: time.Second}, {Says: "d"}}},
}

// TestDrive takes exact times in virtual time.
func TestDrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turned := 0
		out, err := Drive(t.Context(), echo{}, two, 100*time.Millisecond, func() { turned++ })
		if err != nil {
			t.Fatal(err)
		}
		if want := []time.Duration{4 * time.Second, 5 * time.Second}; !reflect.DeepEqual(out.JCT, want) {
			t.Errorf("runs take %v, want %v", out.JCT, want)
		}
		if want := [][]string{{"run-1a", "run-1silence"}, {"run-2b", "run-2c", "run-2d"}}; !reflect.DeepEqual(out.Answers, want) {
			t.Errorf("answers %v, want %v", out.Answers, want)
		}
		quick, slow := 0, 0
		for _, d := range out.TTFT {
			switch d {
			case time.Second / 4:
				quick++
			case time.Second: // an answer without text
				slow++
			}
		}
		if quick != 4 || slow != 1 || turned != 5 {
			t.Errorf("first texts after %v; %d turns", out.TTFT, turned)
		}
		for i, spans := range out.Spans {
			for k, s := range spans {
				if s.Read.Sub(s.Sent) != time.Second || !s.First.After(s.Sent) || s.First.After(s.Read) {
					t.Errorf("turn %d of run %d: %+v", k, i, s)
				}
			}
		}
		// Of first turns what was found, 1 each; of later ones what the one before had come
		// to: 4, and 4 and 5; all of which is less than the prompt by one at least.
		if out.Reusable != 1+1+3+3+4 {
			t.Errorf("%d tokens of prompts had been computed before", out.Reusable)
		}
		if want := (Answer{Prefilled: 10, Reused: 9, Generated: 5}); out.Used != want || out.Longest != 6 {
			t.Errorf("used %+v, longest context %d", out.Used, out.Longest)
		}
	})
}

// TestDriveEnds has one run fail, and everybody be told to stop.
func TestDriveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := Drive(t.Context(), echo{fails: "run-1"}, two, 0, func() {})
		if err == nil || !strings.Contains(err.Error(), "run x: turn 2: boom") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it took %v: the other run went on", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if _, err := Drive(ctx, echo{}, two, 0, func() {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v when time is up", err)
		}
	})
}
