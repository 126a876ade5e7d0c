//go:build unix

package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// npmPack has npm fetch one package's archive to tgz. npm's own cache is kept
// on the workbench, so that the transfer can be watched and no second copy of
// a large archive stays behind; its registry, proxy and credentials are the user's.
func (w workbench) npmPack(ctx context.Context, spec, tgz string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm is not installed (not found on PATH)")
	}
	err = w.runClient(ctx, npm, "pack", "--loglevel=error", "--ignore-scripts", "--pack-destination", w.stage, spec)
	if err == nil {
		_, err = os.Stat(tgz)
	}
	if err != nil {
		return fmt.Errorf("npm pack %s: %w", spec, err)
	}
	return nil
}

// pipDownload has pip fetch one wheel. Nothing of it is installed or run.
func (w workbench) pipDownload(ctx context.Context, spec, wheel string) error {
	name, args, err := Pip()
	if err != nil {
		return err
	}
	args = append(args, "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir",
		"--no-deps", "--only-binary=:all:", "--dest", w.stage, spec)
	err = w.runClient(ctx, name, args...)
	if err == nil {
		_, err = os.Stat(wheel)
	}
	if err != nil {
		return fmt.Errorf("pip download %s: %w", spec, err)
	}
	return nil
}

// Pip finds pip: the command, else Python's module of that name. Whether the
// module is there is known when it runs.
func Pip() (name string, args []string, err error) {
	for _, name := range []string{"pip", "pip3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil, nil
		}
	}
	for _, name := range []string{"python3", "python"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, []string{"-m", "pip"}, nil
		}
	}
	return "", nil, errors.New("pip is not installed (neither pip nor python3 found on PATH)")
}

// runClient runs a package manager in the staging folder, showing the largest
// file there as the progress: that is the archive, wherever the client puts it
// while it comes. Cancelling ends it and its children.
func (w workbench) runClient(ctx context.Context, name string, args ...string) error {
	tmp := filepath.Join(w.stage, "client")
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	var said tail
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = w.stage
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "npm_config_cache="+tmp, "npm_config_update_notifier=false")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return err
	}

	stop := w.watch()
	err := cmd.Wait()
	stop()
	if ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whoever ignored the first signal
		return context.Cause(ctx)
	}
	if err != nil {
		if strings.Contains(said.String(), "ENOSPC") || strings.Contains(said.String(), "No space left") {
			err = errors.Join(err, syscall.ENOSPC)
		}
		return fmt.Errorf("%w: %s", err, said.String())
	}
	return nil
}

// watch shows the growth of the staging folder until it is stopped.
func (w workbench) watch() (stop func()) {
	m := w.p.progress.Begin(w.offer.what, w.offer.bytes)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.At(largest(w.stage))
			case <-quit:
				m.At(largest(w.stage))
				m.End()
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

func largest(dir string) int64 {
	var most int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone while we looked: the client is at work
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			most = max(most, info.Size())
		}
		return nil
	})
	return most
}

// tail keeps the end of what a client says, where its reason is.
type tail struct{ b []byte }

func (t *tail) Write(b []byte) (int, error) {
	const keep = 800
	t.b = append(t.b, b...)
	if n := len(t.b); n > keep {
		t.b = append(t.b[:0], t.b[n-keep:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(t.b), "")), " ")
}
