package pull

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Options says where a Puller keeps things and how it behaves. The zero value
// is the default.
type Options struct {
	Dir        string   // the cache; "" is DefaultDir()
	EngineDir  string   // a folder with another build of the engine; "" is $INTERLUDE_ENGINE_DIR, which may be empty too
	Verify     bool     // hash every file of what is used, even when its stamp fits
	PinnedOnly bool     // refuse engine archives whose checksum is not known in advance
	Progress   Progress // nil is silence
}

// Puller fetches artefacts into one cache. It may be used from several
// goroutines and beside other processes on the same cache.
type Puller struct {
	dir        string
	engineDir  string
	verify     bool
	pinnedOnly bool
	progress   Progress

	http *http.Client
	// What tests replace: the pins, the web's addresses and the patience.
	builds    []engineBuild
	models    []knownModel
	releases  string        // llama.cpp's releases
	hub       string        // Hugging Face
	stall     time.Duration // a transfer without a byte for so long is started again
	retryWait time.Duration // wait before the first retry; it doubles
}

// New returns a Puller. It touches nothing on disk; the error is that no cache
// directory is known.
func New(o Options) (*Puller, error) {
	if o.Dir == "" {
		dir, err := DefaultDir()
		if err != nil {
			return nil, err
		}
		o.Dir = dir
	}
	if o.EngineDir == "" {
		o.EngineDir = os.Getenv("INTERLUDE_ENGINE_DIR")
	}
	if o.Progress == nil {
		o.Progress = silence{}
	}
	return &Puller{
		dir:        o.Dir,
		engineDir:  o.EngineDir,
		verify:     o.Verify,
		pinnedOnly: o.PinnedOnly,
		progress:   o.Progress,
		http: &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			IdleConnTimeout:       30 * time.Second,
			ForceAttemptHTTP2:     true,
			DisableCompression:    true, // sizes and ranges are those of the file
		}},
		builds:    engineBuilds,
		models:    knownModels,
		releases:  "https://github.com/ggml-org/llama.cpp/releases/download",
		hub:       "https://huggingface.co",
		stall:     30 * time.Second,
		retryWait: 500 * time.Millisecond,
	}, nil
}

// DefaultDir is where artefacts are kept: $INTERLUDE_CACHE, else the folder
// interlude in the user's cache directory.
func DefaultDir() (string, error) {
	if dir := os.Getenv("INTERLUDE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w; set INTERLUDE_CACHE to a folder", err)
	}
	return filepath.Join(dir, "interlude"), nil
}

// Dir is the cache's root.
func (p *Puller) Dir() string { return p.dir }

// Engine is a folder with a build of the engine's libraries.
type Engine struct {
	Dir    string
	From   string // where it came from, for people
	Pinned bool   // the archive's checksum was known in advance
}

// Engine returns the libraries for a device, fetching them if the cache does
// not hold them. Errors: ErrUnsupported, ErrNoRoom, or a *SourcesError.
func (p *Puller) Engine(ctx context.Context, d Device) (Engine, error) {
	if p.engineDir != "" {
		return otherBuild(p.engineDir)
	}
	offers, err := p.engineOffers(d)
	if err != nil {
		return Engine{}, err
	}
	a, err := p.obtain(ctx, offers)
	if err != nil {
		return Engine{}, err
	}
	return a.engine(), nil
}

// CachedEngine is Engine without fetching: ErrAbsent or ErrDamaged says what
// the cache lacks.
func (p *Puller) CachedEngine(d Device) (Engine, error) {
	if p.engineDir != "" {
		return otherBuild(p.engineDir)
	}
	offers, err := p.engineOffers(d)
	if err != nil {
		return Engine{}, err
	}
	a, err := p.lookup(context.Background(), offers)
	if err != nil {
		return Engine{}, err
	}
	return a.engine(), nil
}

// Model is a GGUF file on this machine.
type Model struct {
	Path   string
	Name   string // its file's name without .gguf
	From   string // where it came from, for people
	SHA256 string // "" for a file of the user's own, which is not hashed
}

// Model returns the model that ref names, fetching it if the cache does not
// hold it. A ref is "" (the default model), a known name, the path of a GGUF,
// an http(s) URL of one (which may end in #sha256=<hex>), or
// owner/repository/file.gguf on Hugging Face. Errors: ErrNoModel, ErrNotGGUF,
// ErrNoRoom, or a *SourcesError.
func (p *Puller) Model(ctx context.Context, ref string) (Model, error) {
	m, err := p.resolveModel(ref)
	if err != nil || m.offers == nil {
		return m.local, err
	}
	a, err := p.obtain(ctx, m.offers)
	if err != nil {
		return Model{}, err
	}
	return a.model(), nil
}

// CachedModel is Model without fetching: ErrAbsent or ErrDamaged says what the
// cache lacks.
func (p *Puller) CachedModel(ref string) (Model, error) {
	m, err := p.resolveModel(ref)
	if err != nil || m.offers == nil {
		return m.local, err
	}
	a, err := p.lookup(context.Background(), m.offers)
	if err != nil {
		return Model{}, err
	}
	return a.model(), nil
}
