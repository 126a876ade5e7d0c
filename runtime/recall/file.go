package recall

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/interlude-run/interlude/runtime/core"
)

// file is what the file has.
type file struct {
	Format   string
	Engine   Engine
	EventLog string       // of the run that wrote it; "" is none
	Ended    bool         // the run was over, and has learnt nothing since
	Learnt   *core.Learnt // null is nothing
}

const format = "interlude learnt state"

// longest is the longest text that is read, in bytes: more than caps on what is learnt let it be.
const longest = 256 << 20

// decode reads a file and checks it.
func decode(from io.Reader) (*file, error) {
	zip, err := gzip.NewReader(from)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(zip, longest+1))
	if err != nil {
		return nil, err
	}
	if len(text) > longest {
		return nil, fmt.Errorf("it has more than %d bytes", longest)
	}
	var kind struct {
		Format string
		Learnt *struct{ Version int }
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, err
	}
	if kind.Format != format {
		return nil, errors.New("it is no file of what was learnt")
	}
	if v := kind.Learnt; v != nil && v.Version != core.LearntVersion {
		return nil, fmt.Errorf("it is of version %d, and this program reads version %d", v.Version, core.LearntVersion)
	}
	f := new(file)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, err
	}
	if f.Learnt != nil {
		return f, f.Learnt.Check()
	}
	return f, nil
}

// encode writes the same text for the same file.
func encode(to io.Writer, f *file) error {
	zip := gzip.NewWriter(to)
	return errors.Join(json.NewEncoder(zip).Encode(f), zip.Close())
}

// writeFile replaces a file as a whole. What the next run would refuse is not written.
func writeFile(path string, f *file) error {
	if f.Learnt != nil {
		if err := f.Learnt.Check(); err != nil {
			return err
		}
	}
	beside, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(encode(beside, f), beside.Sync(), beside.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
