package gateway

import (
	"cmp"
	_ "embed"
	"net/http"
	"runtime/debug"
)

// openAPI describes all that is served; a test holds it against the handlers.
//
//go:embed openapi.yaml
var openAPI []byte

func description(w http.ResponseWriter, _ *http.Request, _ string) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI) // the client is gone where this fails
	return nil
}

// version tells what serves, as the build knows it.
func version(w http.ResponseWriter, _ *http.Request, _ string) error {
	said := struct {
		Version string  `json:"version"`
		Commit  *string `json:"commit"`
		Go      string  `json:"go"`
	}{}
	if b, ok := debug.ReadBuildInfo(); ok {
		said.Version, said.Go = cmp.Or(b.Main.Version, "(devel)"), b.GoVersion
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				said.Commit = &s.Value
			}
		}
	}
	writeJSON(w, http.StatusOK, said)
	return nil
}
