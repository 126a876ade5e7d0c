package chat

import "encoding/json"

// Tools are the functions that the answer to the prompt may call.
func (p *Prompt) Tools() (tools []Tool) {
	for _, text := range p.next.tools {
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
