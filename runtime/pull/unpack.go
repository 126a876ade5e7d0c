package pull

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// No path of an archive is ever used as a path on disk: a member is taken when
// it lies directly in the expected folder and its base name is wanted, and it is
// written under that base name.

const maxUnpacked = 4 << 30 // an archive that unpacks to more is not one of ours

// untar takes from a .tar.gz the files of one folder whose names match, to dir.
// A symbolic link is taken when it points to a wanted name of the same folder,
// which is how versioned libraries are packed.
func untar(ctx context.Context, archive, folder string, wanted *regexp.Regexp, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(archive), err)
	}
	room := int64(maxUnpacked)
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(archive), err)
		}
		name, ok := strings.CutPrefix(path.Clean(h.Name), folder)
		if !ok || !wanted.MatchString(name) {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if room -= h.Size; room < 0 {
				return fmt.Errorf("%s unpacks to more than %s", filepath.Base(archive), Size(maxUnpacked))
			}
			err = writeFile(ctx, filepath.Join(dir, name), r, h.Size)
		case tar.TypeSymlink:
			if !wanted.MatchString(h.Linkname) {
				err = fmt.Errorf("link %s points to %q", name, h.Linkname)
			} else {
				err = os.Symlink(h.Linkname, filepath.Join(dir, name))
			}
		default:
			err = fmt.Errorf("%s is neither a file nor a link", name)
		}
		if err != nil {
			return err
		}
	}
}

// unzip takes one member of a zip archive to dir.
func unzip(ctx context.Context, archive, member, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(archive), err)
	}
	defer z.Close()
	for _, f := range z.File {
		if f.Name != member {
			continue
		}
		if f.UncompressedSize64 > maxUnpacked {
			return fmt.Errorf("%s unpacks to more than %s", member, Size(maxUnpacked))
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
		defer r.Close()
		return writeFile(ctx, filepath.Join(dir, path.Base(member)), r, int64(f.UncompressedSize64))
	}
	return fmt.Errorf("%s holds no %s", filepath.Base(archive), member)
}

// writeFile makes a new file of exactly size bytes, safe on disk.
func writeFile(ctx context.Context, path string, r io.Reader, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, readerFunc(func(b []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		return r.Read(b)
	}), size)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	// The zip reader compares its checksum when it is read to the end.
	if err == nil {
		var rest [1]byte
		if n, more := io.ReadFull(r, rest[:]); n > 0 {
			err = errors.New("longer than its header says")
		} else if !errors.Is(more, io.EOF) {
			err = more
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return fmt.Errorf("unpack %s: %w", filepath.Base(path), err)
	}
	return nil
}
