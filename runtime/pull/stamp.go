package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const stampName = "stamp.json"

// stamp seals an artefact: what its files were when they were checked. A file
// whose size and time still fit is taken to hold the same bytes.
type stamp struct {
	What   string       `json:"what"`
	From   string       `json:"from"`
	Pinned bool         `json:"pinned"`
	Files  []sealedFile `json:"files"`
}

type sealedFile struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	ModTime int64  `json:"mtime_ns"`
	SHA256  string `json:"sha256"`
}

// artefact is a folder of the cache whose files are as they were sealed.
type artefact struct {
	dir   string
	stamp stamp
}

func (a artefact) engine() Engine {
	return Engine{Dir: a.dir, From: a.stamp.From, Pinned: a.stamp.Pinned}
}

// model is the artefact's only file.
func (a artefact) model() Model {
	f := a.stamp.Files[0]
	return Model{Path: filepath.Join(a.dir, f.Name), Name: strings.TrimSuffix(f.Name, ".gguf"), From: a.stamp.From, SHA256: f.SHA256}
}

// seal hashes the files in dir, compares them with the offer's checksums and
// writes the stamp. Symbolic links are part of the artefact and not hashed:
// unpack makes them only between files of the same folder.
func seal(ctx context.Context, dir string, o offer) (stamp, error) {
	s := stamp{What: o.what, From: o.from, Pinned: o.pinned}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return stamp{}, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		f, err := hashFile(ctx, filepath.Join(dir, e.Name()))
		if err != nil {
			return stamp{}, fmt.Errorf("hash %s: %w", e.Name(), err)
		}
		if want := o.sums[f.Name]; want != "" && want != f.SHA256 {
			return stamp{}, &ChecksumError{File: f.Name, Want: want, Found: f.SHA256, Bytes: f.Size}
		}
		s.Files = append(s.Files, f)
	}
	if len(s.Files) == 0 {
		return stamp{}, errors.New("the archive holds none of the expected files")
	}
	for name := range o.sums {
		if !s.has(name) {
			return stamp{}, fmt.Errorf("the archive holds no %s", name)
		}
	}
	return s, s.write(dir)
}

// examine reads the artefact in dir and compares it with its stamp, hashing
// the files that may have changed, or all of them.
func examine(ctx context.Context, dir string, sums map[string]string, all bool) (artefact, error) {
	raw, err := os.ReadFile(filepath.Join(dir, stampName))
	if errors.Is(err, os.ErrNotExist) {
		return artefact{}, ErrAbsent
	}
	if err != nil {
		return artefact{}, err
	}
	var s stamp
	if err := json.Unmarshal(raw, &s); err != nil || len(s.Files) == 0 {
		return artefact{}, fmt.Errorf("%w: unreadable %s", ErrDamaged, filepath.Join(dir, stampName))
	}
	moved := false
	for i, was := range s.Files {
		path := filepath.Join(dir, filepath.Base(was.Name))
		if want := sums[was.Name]; want != "" && want != was.SHA256 {
			return artefact{}, fmt.Errorf("%w: %s: %w", ErrDamaged, path,
				&ChecksumError{File: was.Name, Want: want, Found: was.SHA256, Bytes: was.Size})
		}
		info, err := os.Stat(path)
		if err != nil {
			return artefact{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if info.Size() != was.Size {
			return artefact{}, fmt.Errorf("%w: %s has %d bytes, was sealed with %d", ErrDamaged, path, info.Size(), was.Size)
		}
		if !all && info.ModTime().UnixNano() == was.ModTime {
			continue
		}
		now, err := hashFile(ctx, path)
		if err != nil {
			return artefact{}, fmt.Errorf("hash %s: %w", path, err)
		}
		if now.SHA256 != was.SHA256 {
			return artefact{}, fmt.Errorf("%w: %s has sha256 %s, was sealed with %s", ErrDamaged, path, now.SHA256, was.SHA256)
		}
		if now.ModTime != was.ModTime {
			s.Files[i], moved = now, true
		}
	}
	if moved {
		// A copied cache has new times. On a cache that cannot be written the
		// files are hashed again next time, which costs only time.
		_ = s.write(dir)
	}
	return artefact{dir: dir, stamp: s}, nil
}

func (s stamp) has(name string) bool {
	for _, f := range s.Files {
		if f.Name == name {
			return true
		}
	}
	return false
}

func (s stamp) write(dir string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, stampName+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(raw)
	err = errors.Join(err, tmp.Sync(), tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, stampName))
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("write stamp: %w", err)
	}
	return nil
}

func hashFile(ctx context.Context, path string) (sealedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return sealedFile{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return sealedFile{}, err
	}
	h := sha256.New()
	n, err := io.Copy(h, readerFunc(func(b []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		return f.Read(b)
	}))
	if err != nil {
		return sealedFile{}, err
	}
	return sealedFile{
		Name: filepath.Base(path), Size: n,
		ModTime: info.ModTime().UnixNano(), SHA256: hex.EncodeToString(h.Sum(nil)),
	}, nil
}

// checkFile compares a whole file with a checksum.
func checkFile(ctx context.Context, path, want string) error {
	f, err := hashFile(ctx, path)
	if err != nil {
		return err
	}
	if !strings.EqualFold(f.SHA256, want) {
		return &ChecksumError{File: f.Name, Want: want, Found: f.SHA256, Bytes: f.Size}
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
