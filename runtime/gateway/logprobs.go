package gateway

import (
	"unicode/utf8"

	"github.com/interlude-run/interlude/sdk"
)

// This file is log probabilities in the shapes of Chat and of Completions. In a stream they come
// all at once, when the answer is whole.

// mostLogprobs is how many tokens may be asked for in each place.
const mostLogprobs = 20

// chatLogprobs is what a chunk or choice says of an answer's tokens; nil where nobody asked.
func chatLogprobs(asked bool, r *sdk.Result) any {
	if !asked {
		return nil
	}
	content := []any{}
	for i := range r.Logprobs {
		p := &r.Logprobs[i]
		top := []any{}
		for n := range p.Top {
			top = append(top, chatLogprob(&p.Top[n]))
		}
		one := chatLogprob(&p.TokenLogprob)
		one["top_logprobs"] = top
		content = append(content, one)
	}
	return map[string]any{"content": content, "refusal": nil}
}

func chatLogprob(p *sdk.TokenLogprob) map[string]any {
	numbers := []int{} // of bytes; as []byte they would be base64
	for _, b := range p.Raw() {
		numbers = append(numbers, int(b))
	}
	return map[string]any{"token": p.Text, "logprob": p.Logprob, "bytes": numbers}
}

// completionLogprobs is the same in the older shape; nil where nobody asked. Offsets are in
// characters, from the answer's beginning.
func completionLogprobs(asked bool, r *sdk.Result) any {
	if !asked {
		return nil
	}
	tokens, own, offsets, top := []string{}, []float64{}, []int{}, []map[string]float64{}
	at := 0
	for i := range r.Logprobs {
		p := &r.Logprobs[i]
		tokens, own, offsets = append(tokens, p.Text), append(own, p.Logprob), append(offsets, at)
		at += utf8.RuneCountInString(p.Text)
		beside := map[string]float64{}
		for _, o := range p.Top {
			if _, there := beside[o.Text]; !there { // the likeliest of those that are spelled alike
				beside[o.Text] = o.Logprob
			}
		}
		top = append(top, beside)
	}
	return map[string]any{"tokens": tokens, "token_logprobs": own, "text_offset": offsets, "top_logprobs": top}
}
