package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// download brings what is at an address to path. It goes on from path+".part" if an earlier try,
// of this process or another, left one and the server still has the same file
// (by its entity tag). It tries again while the server is in trouble, and gives
// up after four tries in a row without a new byte. size is compared with the
// server's where it is not 0.
func (w workbench) download(ctx context.Context, address, path string, size int64) error {
	wait := w.p.retryWait
	for barren := 0; ; {
		got, err := w.attempt(ctx, address, path, size)
		if err == nil {
			return nil
		}
		if barren++; got > 0 {
			barren, wait = 1, w.p.retryWait
		}
		if ctx.Err() != nil || !isTransient(err) || barren == 4 {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// transient marks a failure that trying again may cure.
type transient struct{ error }

func (t transient) Unwrap() error { return t.error }

func isTransient(err error) bool {
	var t transient
	return errors.As(err, &t)
}

var errStalled = errors.New("no byte came for a while")

// attempt makes one request and returns how many new bytes it brought.
func (w workbench) attempt(ctx context.Context, address, path string, size int64) (got int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	part := openPart(path)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "interlude")
	if part.have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", part.have))
		req.Header.Set("If-Range", part.etag)
	}
	resp, err := w.p.http.Do(req)
	if err != nil {
		return 0, requestError(err)
	}
	defer resp.Body.Close()

	total, err := part.answer(resp)
	if err != nil {
		return 0, err
	}
	if part.have > 0 && part.have == total {
		return 0, part.finish(path) // the earlier try stopped just before its last step
	}
	if size > 0 && total > 0 && total != size {
		part.discard()
		return 0, fmt.Errorf("the server has %d bytes, expected %d: it is another file", total, size)
	}
	if err := w.p.enoughRoom(total - part.have); err != nil {
		return 0, err
	}
	f, err := part.open(resp.Header.Get("ETag"))
	if err != nil {
		return 0, err
	}
	m := w.p.progress.Begin(w.offer.what, total)
	defer m.End()

	stall := time.AfterFunc(w.p.stall, func() { cancel(errStalled) })
	defer stall.Stop()
	body := readerFunc(func(b []byte) (int, error) {
		n, err := resp.Body.Read(b)
		if n > 0 {
			stall.Reset(w.p.stall)
		}
		if err != nil && err != io.EOF {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			err = transient{err}
		}
		return n, err
	})
	got, err = io.Copy(f, metered(body, m, part.have))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return got, err
	}
	if have := part.have + got; total > 0 && have != total {
		return got, transient{fmt.Errorf("%d of %d bytes came: %w", have, total, io.ErrUnexpectedEOF)}
	}
	return got, part.finish(path)
}

// part is what has come of a file: path.part holds the bytes, path.part.etag
// the server's tag of the file that they belong to. Without a strong tag the
// next try starts over, since the bytes could belong to another file.
type part struct {
	file string
	have int64
	etag string
}

func openPart(path string) *part {
	p := &part{file: path + ".part"}
	tag, err := os.ReadFile(p.file + ".etag")
	if err != nil || len(tag) == 0 {
		return p
	}
	if info, err := os.Stat(p.file); err == nil {
		p.have, p.etag = info.Size(), string(tag)
	}
	return p
}

var contentRange = regexp.MustCompile(`^bytes (?:([0-9]+)-[0-9]+|\*)/([0-9]+|\*)$`)

// answer reads what the server says it sends: the file's total size (0 when
// unknown), and in p.have the offset that it starts at.
func (p *part) answer(resp *http.Response) (total int64, err error) {
	span := contentRange.FindStringSubmatch(resp.Header.Get("Content-Range"))
	switch resp.StatusCode {
	case http.StatusOK:
		p.have = 0
		return max(resp.ContentLength, 0), nil
	case http.StatusPartialContent:
		if span == nil || span[1] != strconv.FormatInt(p.have, 10) {
			p.discard()
			return 0, transient{fmt.Errorf("asked from byte %d, the server answers %q", p.have, resp.Header.Get("Content-Range"))}
		}
		if tag := resp.Header.Get("ETag"); tag != "" && tag != p.etag {
			p.discard() // a server that does not honour If-Range
			return 0, transient{errors.New("the file has changed on the server; starting over")}
		}
		total, _ = strconv.ParseInt(span[2], 10, 64)
		return total, nil
	case http.StatusRequestedRangeNotSatisfiable:
		// Nothing lies beyond what is here, and the tag fits: it is whole.
		if span != nil && span[2] == strconv.FormatInt(p.have, 10) {
			return p.have, nil
		}
		p.discard()
		return 0, transient{errors.New("the server has no such range; starting over")}
	case http.StatusUnauthorized, http.StatusForbidden:
		return 0, fmt.Errorf("%s: it may need a login or its licence accepted; fetch it by hand and give its path", resp.Status)
	}
	err = errors.New(resp.Status)
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout {
		err = transient{err}
	}
	return 0, err
}

// open prepares the file for the bytes that follow: emptied when the server
// starts from the first byte.
func (p *part) open(etag string) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if p.have == 0 {
		flags |= os.O_TRUNC
		if strings.HasPrefix(etag, "W/") {
			etag = "" // a weak tag does not promise the same bytes
		}
		if err := os.WriteFile(p.file+".etag", []byte(etag), 0o644); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(p.file, flags, 0o644)
}

func (p *part) discard() {
	os.Remove(p.file)
	os.Remove(p.file + ".etag")
}

func (p *part) finish(path string) error {
	if err := os.Rename(p.file, path); err != nil {
		return err
	}
	return os.Remove(p.file + ".etag")
}

// requestError says in plain words that there is no network, and whether to
// try again: a host that cannot be found or reached now will not be in a second.
func requestError(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Errorf("cannot find the host %s (is there a network?): %w", dns.Name, dns)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("cannot connect (is there a network?): %w", op)
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // the address may hold secrets, and the caller names it
	}
	return transient{err}
}

// metered tells m of every read, counting from have.
func metered(r io.Reader, m Meter, have int64) io.Reader {
	m.At(have)
	return readerFunc(func(b []byte) (int, error) {
		n, err := r.Read(b)
		have += int64(n)
		m.At(have)
		return n, err
	})
}
