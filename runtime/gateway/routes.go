package gateway

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
)

// maxBody is the longest request. A turn has its own bound, which is lower.
const maxBody = 64 << 20

// handler answers a request of a tenant, or says why not.
type handler func(w http.ResponseWriter, r *http.Request, tenant string) error

// endpoint is one that openapi.yaml describes.
type endpoint struct {
	method, path string
	answer       handler
	open         bool // to whoever asks: no key is wanted
}

// endpoints are all that is served. Those under /v1 are served without it, too: some clients
// want the base URL so.
func (g *Gateway) endpoints() []endpoint {
	return []endpoint{
		{"POST", "/v1/chat/completions", g.finals(g.chatCompletions), false},
		{"POST", "/v1/completions", g.finals(g.completions), false},
		{"POST", "/v1/messages", g.finals(g.messages), false},
		{"POST", "/v1/messages/count_tokens", g.countTokens, false},
		{"POST", "/v1/responses", g.finals(g.createResponse), false},
		{"GET", "/v1/responses/{id}", g.getResponse, false},
		{"DELETE", "/v1/responses/{id}", g.deleteResponse, false},
		{"POST", "/v1/responses/{id}/cancel", g.cancelResponse, false},
		{"POST", "/v1/responses/input_tokens", g.countInput, false},
		{"POST", "/v1/responses/compact", g.notServed, false},
		{"POST", "/v1/programs/release", g.release, false},
		{"GET", "/v1/models", g.models, false},
		{"GET", "/v1/models/{model...}", g.model, false},
		{"GET", "/healthz", g.live, true},
		{"GET", "/health", g.live, true},
		{"GET", "/livez", g.live, true},
		{"GET", "/readyz", g.ready, true},
		{"GET", "/version", version, true},
		{"GET", "/openapi.yaml", description, true},
		{"HEAD", "/{$}", g.live, true},
	}
}

func (g *Gateway) routes() http.Handler {
	mux := http.NewServeMux()
	for _, e := range g.endpoints() {
		mux.HandleFunc(e.method+" "+e.path, g.answers(e))
		if short, ok := strings.CutPrefix(e.path, "/v1"); ok {
			mux.HandleFunc(e.method+" "+short, g.answers(e))
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fail(w, r, unserved(mux, w.Header(), r)) })
	return identify(g.survive(g.guard(mux)))
}

func (g *Gateway) answers(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var tenant string
		var err error
		if !e.open {
			tenant, err = g.cfg.Keys.tenant(r)
		}
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			err = e.answer(w, r, tenant)
		}
		if err != nil {
			fail(w, r, refused(err))
		}
	}
}

// unserved tells a path that is not served from one that is, by other methods.
func unserved(mux *http.ServeMux, h http.Header, r *http.Request) *refusal {
	var exact, any []string // methods, of patterns that are the path itself, and of all that fit
	for _, method := range []string{"DELETE", "GET", "HEAD", "POST"} {
		asked := r.Clone(r.Context())
		asked.Method = method
		_, pattern := mux.Handler(asked)
		if pattern != "/" {
			any = append(any, method)
		}
		if strings.HasSuffix(pattern, " "+r.URL.Path) {
			exact = append(exact, method)
		}
	}
	served := any
	if len(exact) > 0 {
		served = exact
	}
	if len(served) == 0 {
		return &refusal{status: http.StatusNotFound, code: "not_found", message: fmt.Sprintf("nothing is served at %s", clipped(r.URL.Path))}
	}
	allow := strings.Join(served, ", ")
	h.Set("Allow", allow)
	return &refusal{status: http.StatusMethodNotAllowed, code: "method_not_allowed", message: fmt.Sprintf("%s is served by %s, not by %s", clipped(r.URL.Path), allow, clipped(r.Method))}
}

// identify gives each request an ID.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := "req_" + strings.ToLower(rand.Text())
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("Request-Id", id) // the name at Anthropic
		next.ServeHTTP(w, r)
	})
}

// survive answers a panic with an error, if nothing has been answered yet.
func (g *Gateway) survive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				g.cfg.Log.Error("a request panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				fail(w, r, &refusal{status: http.StatusInternalServerError, code: "internal", message: "a defect of the gateway; its log says more"})
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// fail answers with an error in the shape of the API that was asked.
func fail(w http.ResponseWriter, r *http.Request, e *refusal) {
	path := strings.TrimPrefix(r.URL.Path, "/v1")
	if strings.HasPrefix(path, "/messages") || strings.HasPrefix(path, "/models") && asksAnthropic(r) {
		e.write(w, e.anthropic(w.Header().Get("X-Request-Id")))
		return
	}
	e.write(w, e.openAI())
}

// read decodes a request's body. Fields that are not known are left alone: clients send what
// is new before servers know of it.
func read(r *http.Request, into any) error {
	data, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &refusal{status: http.StatusRequestEntityTooLarge, code: "too_large", message: fmt.Sprintf("the request has more than %d bytes", tooLarge.Limit)}
	case err != nil:
		return &refusal{status: http.StatusBadRequest, code: "invalid_json", message: "the request's body cannot be read: " + err.Error()}
	}
	if err := json.Unmarshal(data, into); err != nil {
		var r *refusal
		if errors.As(err, &r) {
			return r
		}
		var field *json.UnmarshalTypeError
		if errors.As(err, &field) {
			name := field.Field
			for _, embedded := range []string{"extras.", "generation.", "function."} { // which a client knows nothing of
				name = strings.ReplaceAll(name, embedded, "")
			}
			return invalid(name, "%s: a %s is no %s", name, field.Value, field.Type)
		}
		return &refusal{status: http.StatusBadRequest, code: "invalid_json", message: "the request is not JSON: " + err.Error()}
	}
	return nil
}

func (g *Gateway) live(w http.ResponseWriter, _ *http.Request, _ string) error {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

// ready tells load balancers whether to send requests here.
func (g *Gateway) ready(w http.ResponseWriter, _ *http.Request, _ string) error {
	if err := g.admit(); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": refused(err).message})
		return nil
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}
