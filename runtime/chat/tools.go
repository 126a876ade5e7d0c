package chat

import "encoding/json"

// Tool is a function that an answer may call.
type Tool struct {
	Name       string
	Parameters []byte // JSON schema of its arguments; none where it is empty
	Strict     bool   // the schema is to be kept to the letter
}

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

// ReaderOf is Reader for tools with schemas. A model that writes arguments without quotes
// leaves it to the schema which of them are texts.
func (f *Format) ReaderOf(tools []Tool) *Reader {
	r := f.begin()
	for _, tool := range tools {
		r.tools[tool.Name] = typesOf(tool.Parameters)
	}
	return r
}

// typesOf finds the parameters that a schema has as texts and nothing else.
func typesOf(schema []byte) parameterTypes {
	var s struct {
		Properties map[string]struct{ Type any }
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	types := parameterTypes{}
	for name, p := range s.Properties {
		if p.Type == "string" {
			types[name] = true
		}
	}
	return types
}
