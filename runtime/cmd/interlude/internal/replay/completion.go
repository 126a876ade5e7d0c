package replay

import (
	"context"
	"encoding/json"
	"fmt"
)

// LlamaTimings are what a llama-server says that an answer took.
type LlamaTimings struct {
	Prompt      int     `json:"prompt_n"` // tokens, without those that its cache had
	PromptMS    float64 `json:"prompt_ms"`
	Predicted   int     `json:"predicted_n"`
	PredictedMS float64 `json:"predicted_ms"` // from the first of them to the last
}

// Complete has the prompt continued by n tokens, greedily, with no chat template, and
// past where the model would end.
func (s *LlamaServer) Complete(ctx context.Context, prompt string, n int) (LlamaTimings, error) {
	body, err := json.Marshal(map[string]any{"prompt": prompt, "n_predict": n, "temperature": 0, "ignore_eos": true})
	if err != nil {
		return LlamaTimings{}, err
	}
	response, err := s.post(ctx, "/completion", body)
	if err != nil {
		return LlamaTimings{}, err
	}
	defer response.Body.Close()
	var answer struct {
		Timings LlamaTimings `json:"timings"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return LlamaTimings{}, fmt.Errorf("llama-server's answer: %w", err)
	}
	t := answer.Timings
	if t.Prompt < 1 || t.Predicted != n || !(t.PromptMS > 0) || !(t.PredictedMS > 0) {
		return LlamaTimings{}, fmt.Errorf("llama-server's answer: %+v for %d tokens", t, n)
	}
	return t, nil
}
