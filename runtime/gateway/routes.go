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

func (g *Gateway) routes() http.Handler {
	mux := http.NewServeMux()
	answers := func(pattern string, h handler) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			tenant, err := g.cfg.Keys.tenant(r)
			if err == nil {
				r.Body = http.MaxBytesReader(w, r.Body, maxBody)
				err = h(w, r, tenant)
			}
			if err != nil {
				fail(w, r, refused(err))
			}
		})
	}
	for _, prefix := range []string{"/v1", ""} { // some clients want the base URL without /v1
		answers("POST "+prefix+"/chat/completions", g.chatCompletions)
		answers("POST "+prefix+"/messages", g.messages)
		answers("POST "+prefix+"/messages/count_tokens", g.countTokens)
		answers("POST "+prefix+"/responses", g.createResponse)
		answers("GET "+prefix+"/responses/{id}", g.getResponse)
		answers("DELETE "+prefix+"/responses/{id}", g.deleteResponse)
		answers("POST "+prefix+"/responses/{id}/cancel", g.cancelResponse)
		answers("POST "+prefix+"/responses/input_tokens", g.notServed)
		answers("POST "+prefix+"/responses/compact", g.notServed)
		answers("GET "+prefix+"/models", g.models)
		answers("GET "+prefix+"/models/{model...}", g.model)
	}
	mux.HandleFunc("GET /healthz", g.live)
	mux.HandleFunc("GET /health", g.live)
	mux.HandleFunc("GET /livez", g.live)
	mux.HandleFunc("GET /readyz", g.ready)
	mux.HandleFunc("HEAD /{$}", g.live)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, &refusal{status: http.StatusNotFound, code: "not_found", message: fmt.Sprintf("nothing is served at %s %s", r.Method, r.URL.Path)})
	})
	return identify(g.survive(g.guard(mux)))
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
	if strings.HasPrefix(strings.TrimPrefix(r.URL.Path, "/v1"), "/messages") {
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
			return invalid(field.Field, "%s: a %s is no %s", field.Field, field.Value, field.Type)
		}
		return &refusal{status: http.StatusBadRequest, code: "invalid_json", message: "the request is not JSON: " + err.Error()}
	}
	return nil
}

func (g *Gateway) live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready tells load balancers whether to send requests here.
func (g *Gateway) ready(w http.ResponseWriter, _ *http.Request) {
	if err := g.admit(); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": refused(err).message})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// modelCard describes the model in OpenAI's shape.
func (g *Gateway) modelCard() any {
	return map[string]any{"id": g.cfg.Model, "object": "model", "created": g.began.Unix(), "owned_by": "interlude"}
}

func (g *Gateway) models(w http.ResponseWriter, _ *http.Request, _ string) error {
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []any{g.modelCard()}})
	return nil
}

func (g *Gateway) model(w http.ResponseWriter, r *http.Request, _ string) error {
	if name := r.PathValue("model"); name != g.cfg.Model {
		return &refusal{status: http.StatusNotFound, code: "model_not_found", param: "model", message: fmt.Sprintf("the model %q is not served here; %q is", name, g.cfg.Model)}
	}
	writeJSON(w, http.StatusOK, g.modelCard())
	return nil
}
