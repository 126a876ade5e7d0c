package gateway

import (
	"fmt"
	"net/http"
	"time"
)

// This file describes the one model, in OpenAI's shape or in Anthropic's: both have their list
// under the same path.

// asksAnthropic tells whether a client of Anthropic's asks: it always says for which version.
func asksAnthropic(r *http.Request) bool { return r.Header.Get("Anthropic-Version") != "" }

func (g *Gateway) models(w http.ResponseWriter, r *http.Request, _ string) error {
	if asksAnthropic(r) {
		writeJSON(w, http.StatusOK, map[string]any{
			"data": []any{g.modelCard(r)}, "has_more": false, "first_id": g.cfg.Model, "last_id": g.cfg.Model,
		})
		return nil
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []any{g.modelCard(r)}})
	return nil
}

func (g *Gateway) model(w http.ResponseWriter, r *http.Request, _ string) error {
	if name := r.PathValue("model"); name != g.cfg.Model {
		return &refusal{status: http.StatusNotFound, code: "model_not_found", param: "model", message: fmt.Sprintf("the model %q is not served here; %q is", clipped(name), g.cfg.Model)}
	}
	writeJSON(w, http.StatusOK, g.modelCard(r))
	return nil
}

func (g *Gateway) modelCard(r *http.Request) any {
	if asksAnthropic(r) {
		return map[string]any{"type": "model", "id": g.cfg.Model, "display_name": g.cfg.Model, "created_at": g.began.UTC().Format(time.RFC3339)}
	}
	return map[string]any{"id": g.cfg.Model, "object": "model", "created": g.began.Unix(), "owned_by": "interlude"}
}
