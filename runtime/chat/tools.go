package chat

import "encoding/json"

// Tools are the functions that the answer to the prompt may call. They are not to be changed.
func (p *Prompt) Tools() []Tool { return p.next.offered }

// readTools reads tools in OpenAI's shape, which have been rendered.
func readTools(texts []string) (tools []Tool) {
	for _, text := range texts {
		var t struct {
			Function struct {
				Name       string
				Parameters json.RawMessage
				Strict     bool
			}
		}
		if json.Unmarshal([]byte(text), &t) == nil && t.Function.Name != "" {
			tools = append(tools, Tool{Name: t.Function.Name, Parameters: t.Function.Parameters, Strict: t.Function.Strict})
		}
	}
	return tools
}
