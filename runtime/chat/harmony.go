package chat

// harmony makes the format that of gpt-oss, which its template shows only in part. An answer
// is several messages, each with a channel and some to a function:
//
//	<|channel|>analysis<|message|>…<|end|>
//	<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{…}<|call|>
//	<|start|>assistant<|channel|>final<|message|>…<|return|>
//
// where the template writes the function before the channel.
func (f *Format) harmony() {
	f.reasoning = markers{"<|channel|>analysis<|message|>", "<|end|>"}
	f.channels = true
	f.said = []string{"<|start|>assistant", "<|channel|>final", "<|channel|>commentary", "<|message|>", "<|end|>"}
	f.calls = callForm{
		shape:    namedShape,
		openings: []string{"to=functions."},
		closings: []string{"<|call|>"},
		middles:  []string{"<|channel|>commentary", "<|constrain|>json", "json", "<|message|>"},
		exact: exactForm{
			before: "<|channel|>commentary to=functions.",
			middle: " <|constrain|>json<|message|>",
		},
	}
}
