package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/anthropics/anthropic-sdk-go/v2"

	"github.com/interlude-run/interlude/sdk/wire"
)

// TestModels: each client has them in its own shape.
func TestModels(t *testing.T) {
	s := newMessagesRig(t)
	list, err := s.client().Models.List(t.Context(), anthropic.ModelListParams{})
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != "small" || list.Data[0].CreatedAt.IsZero() {
		t.Errorf("%+v, %v", list, err)
	}
	one, err := s.client().Models.Get(t.Context(), "small", anthropic.ModelGetParams{})
	if err != nil || one.ID != "small" || one.Type != "model" {
		t.Errorf("%+v, %v", one, err)
	}
	_, err = s.client().Models.Get(t.Context(), "large", anthropic.ModelGetParams{})
	checkError(t, err, http.StatusNotFound, "not_found_error", `"small" is`)
	openAI, err := s.rig.client().Models.List(t.Context())
	if err != nil || len(openAI.Data) != 1 || openAI.Data[0].ID != "small" || openAI.Data[0].OwnedBy != "interlude" {
		t.Errorf("%+v, %v", openAI, err)
	}
}

func TestVersionAndDescription(t *testing.T) {
	r := newRig(t)
	var said struct{ Version, Go string }
	w := send(t, r.gateway, "GET", "/version", nil)
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || w.Code != http.StatusOK || said.Version == "" || said.Go == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := send(t, r.gateway, "GET", "/openapi.yaml", nil); w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), openAPI) {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

// TestWhatIsNotServed: a path that is nothing, and a method that is none of a path's.
func TestWhatIsNotServed(t *testing.T) {
	keys := &Keys{keys: []hashedKey{{tenant: wire.DefaultTenant}}} // nobody's
	g := newRig(t).another(Config{Keys: keys})
	for _, c := range []struct {
		method, path string
		code         int
		allow        string
	}{
		{"GET", "/v1/nothing", http.StatusNotFound, ""},
		{"GET", "/v1/chat/completions", http.StatusMethodNotAllowed, "POST"},
		{"PUT", "/v1/responses/resp_x-1", http.StatusMethodNotAllowed, "DELETE, GET, HEAD"},
		{"PUT", "/responses/compact", http.StatusMethodNotAllowed, "POST"},
		{"GET", "/v1/models", http.StatusUnauthorized, ""},
		{"GET", "/version", http.StatusOK, ""},
		{"GET", "/healthz", http.StatusOK, ""},
	} {
		if w := send(t, g, c.method, c.path, nil); w.Code != c.code || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, %q: %s", c.method, c.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

// TestWarningsAreFew, whatever a request has that cannot be served.
func TestWarningsAreFew(t *testing.T) {
	r := newRig(t)
	var tools []object
	for i := range 200 {
		tools = append(tools, object{"type": "odd"}, object{"type": fmt.Sprint("odd", i)})
	}
	w := r.post("/v1/responses", object{"input": "x", "tools": tools})
	if n := len(w.Header().Values("X-Interlude-Warning")); w.Code != http.StatusOK || n != mostWarnings {
		t.Errorf("%d, with %d warnings", w.Code, n)
	}
	w = r.post("/v1/responses", object{"input": "y", "tools": []object{{"type": "odd"}, {"type": "odd"}}})
	if n := len(w.Header().Values("X-Interlude-Warning")); n != 1 {
		t.Errorf("one thing is told %d times", n)
	}
}
