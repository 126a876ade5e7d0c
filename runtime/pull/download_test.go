package pull

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"
)

const half = 256 << 10

// cut sends the first n bytes of the whole file and drops the connection.
func cut(n int) fault {
	return func(rw http.ResponseWriter, r *http.Request, file page) bool {
		rw.Header().Set("ETag", file.etag)
		rw.Header().Set("Content-Length", strconv.Itoa(len(file.body)))
		rw.Write(file.body[:n])
		rw.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) fault {
	return func(rw http.ResponseWriter, r *http.Request, file page) bool {
		rw.WriteHeader(code)
		return true
	}
}

// deaf ignores what range was asked for.
func deaf(rw http.ResponseWriter, r *http.Request, _ page) bool {
	r.Header.Del("Range")
	return false
}

// silent sends a part and then nothing.
func silent(rw http.ResponseWriter, r *http.Request, file page) bool {
	rw.Header().Set("ETag", file.etag)
	rw.Header().Set("Content-Length", strconv.Itoa(len(file.body)))
	rw.Write(file.body[:half])
	rw.(http.Flusher).Flush()
	<-r.Context().Done()
	return true
}

// shifted answers with another range than was asked for.
func shifted(rw http.ResponseWriter, r *http.Request, file page) bool {
	rw.Header().Set("Content-Range", "bytes 7-9/"+strconv.Itoa(len(file.body)))
	rw.WriteHeader(http.StatusPartialContent)
	return true
}

// careless sends the range of a file that has changed since.
func careless(rw http.ResponseWriter, r *http.Request, file page) bool {
	r.Header.Del("If-Range")
	rw.Header().Set("ETag", `"another"`)
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(bytes.ToUpper(file.body)))
	return true
}

func TestDownload(t *testing.T) {
	from := func(n int) string { return "bytes=" + strconv.Itoa(n) + "-" }
	for _, c := range []struct {
		name   string
		faults []fault
		ranges []string // as asked for, request by request
		fails  bool
	}{
		{name: "at once", ranges: []string{""}},
		{name: "goes on after a cut", faults: []fault{cut(half)}, ranges: []string{"", from(half)}},
		{name: "goes on after silence", faults: []fault{silent}, ranges: []string{"", from(half)}},
		{name: "starts over with a server that knows no ranges", faults: []fault{cut(half), deaf}, ranges: []string{"", from(half)}},
		{name: "starts over when the answer is another range", faults: []fault{cut(half), shifted}, ranges: []string{"", from(half), ""}},
		{name: "starts over when the file has changed", faults: []fault{cut(half), careless}, ranges: []string{"", from(half), ""}},
		{name: "survives trouble", faults: []fault{status(503), status(429), status(500)}, ranges: []string{"", "", "", ""}},
		{name: "gives up in the end", faults: []fault{status(503), status(503), status(503), status(503)}, ranges: []string{"", "", "", ""}, fails: true},
		{name: "a new byte renews patience",
			faults: []fault{status(503), status(503), status(503), cut(half), status(503), status(503)},
			ranges: []string{"", "", "", "", from(half), from(half), from(half)}},
		{name: "does not insist on a refusal", faults: []fault{status(404)}, ranges: []string{""}, fails: true},
		{name: "nor on a login", faults: []fault{status(401)}, ranges: []string{""}, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.p.stall = 100 * time.Millisecond
			w.web.put("/m.gguf", modelFile)
			w.web.faults = c.faults
			m, err := w.p.Model(background(), w.web.URL+"/m.gguf")
			if (err != nil) != c.fails {
				t.Fatalf("got %v", err)
			}
			if !reflect.DeepEqual(w.web.ranges, c.ranges) {
				t.Errorf("asked for %q, want %q", w.web.ranges, c.ranges)
			}
			if err == nil && !bytes.Equal(content(t, m.Path), modelFile) {
				t.Error("got other bytes")
			}
			if c.fails {
				w.empty("models")
			}
		})
	}
}

// A pull that was stopped goes on in another process, from the same byte.
func TestDownloadGoesOnInAnotherProcess(t *testing.T) {
	w := newWorld(t)
	w.web.put("/m.gguf", modelFile)
	ctx, cancel := context.WithCancel(background())
	w.web.faults = []fault{func(rw http.ResponseWriter, r *http.Request, file page) bool {
		rw.Header().Set("ETag", file.etag)
		rw.Header().Set("Content-Length", strconv.Itoa(len(file.body)))
		rw.Write(file.body[:half])
		rw.(http.Flusher).Flush()
		for w.part() != half {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-r.Context().Done()
		return true
	}}
	if _, err := w.p.Model(ctx, w.web.URL+"/m.gguf"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	w.empty("models")

	m, err := w.puller().Model(background(), w.web.URL+"/m.gguf")
	if err != nil || !bytes.Equal(content(t, m.Path), modelFile) {
		t.Fatalf("got %+v, %v", m, err)
	}
	if want := []string{"", "bytes=" + strconv.Itoa(half) + "-"}; !reflect.DeepEqual(w.web.ranges, want) {
		t.Errorf("asked for %q, want %q", w.web.ranges, want)
	}
}

// part is the size of what a download has left in the staging folder.
func (w *world) part() int64 {
	found, _ := filepath.Glob(filepath.Join(w.cache, "staging", "*", "*.part"))
	if len(found) != 1 {
		return -1
	}
	info, err := os.Stat(found[0])
	if err != nil {
		return -1
	}
	return info.Size()
}

// Whatever the earlier try left, the file is right in the end.
func TestDownloadOverLeftovers(t *testing.T) {
	whole := page{modelFile, `"now"`}
	for _, c := range []struct {
		name string
		part []byte
		etag string
		want int // requests
	}{
		{"of the same file", modelFile[:half], whole.etag, 1},
		{"of an older file", bytes.Repeat([]byte("x"), half), `"before"`, 1},
		{"without a tag", bytes.Repeat([]byte("x"), half), "", 1},
		{"complete but for the last step", modelFile, whole.etag, 1},
		{"longer than the file", append(bytes.Clone(modelFile), 'x'), whole.etag, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.web.put("/maker/tiny/resolve/main/tiny.gguf", modelFile)
			w.web.files["/maker/tiny/resolve/main/tiny.gguf"] = whole
			stage := filepath.Join(w.cache, "staging", "models-tiny")
			if err := os.MkdirAll(stage, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, body := range map[string][]byte{"tiny.gguf.part": c.part, "tiny.gguf.part.etag": []byte(c.etag)} {
				if err := os.WriteFile(filepath.Join(stage, name), body, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			m, err := w.p.Model(background(), "")
			if err != nil || !bytes.Equal(content(t, m.Path), modelFile) {
				t.Fatalf("got %+v, %v", m, err)
			}
			if len(w.web.ranges) != c.want {
				t.Errorf("asked for %q, want %d requests", w.web.ranges, c.want)
			}
		})
	}
}

// The server's file is not the pinned one: neither its size nor its bytes pass.
func TestDownloadOfAnotherFile(t *testing.T) {
	for name, body := range map[string][]byte{
		"other size":  modelFile[:half],
		"other bytes": append([]byte("GGUF"), bytes.Repeat([]byte("weight! "), 64<<10)...),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.web.put("/maker/tiny/resolve/main/tiny.gguf", body)
			if _, err := w.p.Model(background(), ""); err == nil {
				t.Fatal("another file passed for the pinned one")
			}
			w.empty("models")
			if w.part() > 0 {
				t.Error("a part of the wrong file was kept")
			}
		})
	}
}
