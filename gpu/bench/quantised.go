package bench

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/interlude-run/interlude/gpu/internal/gguf"
	"github.com/interlude-run/interlude/gpu/internal/llama"
)

// quantisation is a way to store a model's matrices.
type quantisation struct {
	name string // in lower case, as keys of results have it
	kind llama.FileType
}

// quantisations are those that are measured, the default model's own first.
var quantisations = []quantisation{
	{"q4_1", llama.MostlyQ4_1},
	{"q4_k_m", llama.MostlyQ4_K_M},
	{"q4_0", llama.MostlyQ4_0},
	{"q8_0", llama.MostlyQ8_0},
}

// choose returns the quantisations of these names, without doubles; all, for no names.
func choose(names []string) ([]quantisation, error) {
	if len(names) == 0 {
		return quantisations, nil
	}
	var chosen []quantisation
	for _, name := range names {
		is := func(q quantisation) bool { return q.name == strings.ToLower(strings.TrimSpace(name)) }
		i := slices.IndexFunc(quantisations, is)
		switch {
		case i < 0:
			var all []string
			for _, q := range quantisations {
				all = append(all, q.name)
			}
			return nil, fmt.Errorf("no quantisation %q; there are %s", name, strings.Join(all, ", "))
		case !slices.ContainsFunc(chosen, is):
			chosen = append(chosen, quantisations[i])
		}
	}
	return chosen, nil
}

// quantised is the path of the model in that quantisation: the model itself where it
// has it, else a file in o.Cache, which is made if it is not there or its checksum,
// kept beside it as sha256sum writes it, does not fit. say is told what takes a while.
func quantised(ctx context.Context, o Options, l *llama.Lib, q quantisation, say func(string)) (string, error) {
	file, err := gguf.Inspect(o.Model)
	if err != nil {
		return "", err
	}
	if kind, ok := file.Uint("general.file_type"); ok && llama.FileType(kind) == q.kind {
		return o.Model, nil
	}
	source, err := checksum(ctx, o.Model)
	if err != nil {
		return "", err
	}
	base := strings.TrimSuffix(filepath.Base(o.Model), ".gguf")
	path := filepath.Join(o.Cache, "quantised", fmt.Sprintf("%s-%s.%s.gguf", base, source[:8], strings.ToUpper(q.name)))
	if intact(ctx, path) {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(tmp)
	made := make(chan error, 1)
	go func() { made <- l.Quantize(o.Model, tmp, q.kind, o.Threads) }()
	if err := watch(made, tmp, fmt.Sprintf("making %s of %s, once", strings.ToUpper(q.name), filepath.Base(o.Model)), say); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	sum, err := checksum(ctx, tmp)
	if err != nil {
		return "", err
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", err
	}
	// The checksum comes last: a file without one is made anew.
	return path, os.WriteFile(path+".sha256", fmt.Appendf(nil, "%s  %s\n", sum, filepath.Base(path)), 0o644)
}

// watch says how large the file has become until made tells that it is there.
// libllama cannot be stopped while it quantises.
func watch(made <-chan error, path, what string, say func(string)) error {
	say(what)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-made:
			return err
		case <-tick.C:
			if info, err := os.Stat(path); err == nil {
				say(fmt.Sprintf("%s: %.0f MB written", what, float64(info.Size())/1e6))
			}
		}
	}
}

// intact tells whether the file at path is there with the checksum that is kept
// beside it.
func intact(ctx context.Context, path string) bool {
	f, err := os.Open(path + ".sha256")
	if err != nil {
		return false
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString(' ')
	if err != nil {
		return false
	}
	sum, err := checksum(ctx, path)
	return err == nil && sum == strings.TrimSpace(line)
}

// checksum is the SHA-256 of a file, in hexadecimal digits.
func checksum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		switch _, err := io.CopyN(h, f, 64<<20); err {
		case nil:
		case io.EOF:
			return hex.EncodeToString(h.Sum(nil)), nil
		default:
			return "", err
		}
	}
}
