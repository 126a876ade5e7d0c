package gateway

import "github.com/interlude-run/interlude/sdk"

// generation is what Chat and Completions say of how to answer.
type generation struct {
	ResponseFormat *schemaFormat `json:"response_format"`

	MaxTokens        int                `json:"max_tokens"`
	Temperature      *float64           `json:"temperature"`
	TopP             float64            `json:"top_p"`
	TopK             int                `json:"top_k"`
	MinP             float64            `json:"min_p"`
	FrequencyPenalty float64            `json:"frequency_penalty"`
	PresencePenalty  float64            `json:"presence_penalty"`
	RepeatPenalty    float64            `json:"repeat_penalty"`
	Seed             *int64             `json:"seed"`
	Stop             oneOrMany          `json:"stop"`
	LogitBias        map[string]float64 `json:"logit_bias"`
	Grammar          string             `json:"grammar"` // as llama-server
	IgnoreEOS        bool               `json:"ignore_eos"`
	N                int                `json:"n"`

	Stream        bool `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// mostChoices is how many answers a request may ask for.
const mostChoices = 8

// fill puts it into a request.
func (q *generation) fill(a *ask) (err error) {
	switch {
	case q.N < 0 || q.N > mostChoices:
		return invalid("n", "%d is not within 1 and %d", q.N, mostChoices)
	case q.MaxTokens < 0:
		return invalid("max_tokens", "it is negative")
	}
	if a.format, err = q.ResponseFormat.format("response_format"); err != nil {
		return err
	}
	biases, err := logitBias(q.LogitBias)
	if err != nil {
		return err
	}
	a.sampling = sdk.Sampling{
		MaxTokens: q.MaxTokens, Temperature: temperature(q.Temperature), TopP: q.TopP, TopK: q.TopK, MinP: q.MinP,
		FrequencyPenalty: q.FrequencyPenalty, PresencePenalty: q.PresencePenalty, RepeatPenalty: q.RepeatPenalty,
		Seed: seed(q.Seed), Stop: q.Stop, LogitBias: biases, Grammar: q.Grammar, IgnoreEOS: q.IgnoreEOS,
	}
	return nil
}
