package chat

import "encoding/json"

// Tool is a function that an answer may call.
type Tool struct {
	Name       string
	Parameters []byte // JSON schema of its arguments; none where it is empty
	Strict     bool   // the schema is to be kept to the letter
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
