//go:build unix

package pull

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// FreeBytes is the room that the disk of path has for this user; path itself
// need not exist yet.
func FreeBytes(path string) (int64, error) {
	for {
		var st unix.Statfs_t
		err := unix.Statfs(path, &st)
		if err == nil {
			return int64(st.Bavail) * int64(st.Bsize), nil
		}
		up := filepath.Dir(path)
		if !errors.Is(err, os.ErrNotExist) || up == path {
			return 0, fmt.Errorf("free space of %s: %w", path, err)
		}
		path = up
	}
}

// enoughRoom refuses to begin what the disk cannot hold.
func (p *Puller) enoughRoom(need int64) error {
	free, err := FreeBytes(p.dir)
	if err != nil {
		return nil // not every file system can tell; writing will
	}
	if free < need {
		return fmt.Errorf("%w: needs %s, %s has %s free; make room or set INTERLUDE_CACHE to another disk",
			ErrNoRoom, Size(need), p.dir, Size(free))
	}
	return nil
}

// explainFull names the disk when it filled up on the way.
func (p *Puller) explainFull(err error) error {
	if err == nil || errors.Is(err, ErrNoRoom) ||
		(!errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT)) {
		return err
	}
	return fmt.Errorf("%w: %w: the disk of %s is full; make room or set INTERLUDE_CACHE to another disk", ErrNoRoom, err, p.dir)
}

// Size prints bytes for people: 98.4 MB.
func Size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
