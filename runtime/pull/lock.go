//go:build unix

package pull

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lock makes this process the only one that fetches the offer's artefact. It
// waits for another that does, and says so. The lock is the kernel's, so a
// process that dies gives it back; the file stays, because removing it would
// let two processes lock two files of the same name.
func (p *Puller) lock(ctx context.Context, o offer) (unlock func(), err error) {
	dir := filepath.Join(p.dir, "locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w; make the folder writable or set INTERLUDE_CACHE to another", o.what, p.explainFull(err))
	}
	f, err := os.OpenFile(filepath.Join(dir, flat(o.slot)+".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", o.what, p.explainFull(err))
	}
	if err := p.acquire(ctx, f, o.what); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", o.what, err)
	}
	// For the message of whoever waits; a failure here loses only that.
	_ = f.Truncate(0)
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d", os.Getpid()), 0)
	return func() { f.Close() }, nil
}

// acquire polls rather than blocks, so that waiting can be cancelled.
func (p *Puller) acquire(ctx context.Context, f *os.File, what string) error {
	const poll = 100 * time.Millisecond
	for told := false; ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		if !told {
			told = true
			p.progress.Note(fmt.Sprintf("another process%s is fetching %s; waiting for it", holder(f), what))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(poll):
		}
	}
}

func holder(f *os.File) string {
	var b [20]byte
	n, _ := f.ReadAt(b[:], 0)
	if pid := strings.TrimSpace(string(b[:n])); pid != "" {
		return " (pid " + pid + ")"
	}
	return ""
}
