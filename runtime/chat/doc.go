// Package chat turns conversations into token sequences and tokens back into
// text.
//
// # Use
//
//	template, err := chat.Compile(source, vocabulary)  // once a model
//	talk := template.Begin(now)                        // once a program
//	prompt, err := talk.Prepare(chat.Turn{Messages: …})
//	…                                                  // generate from prompt.Tokens
//	talk.Complete(prompt, text, tokens)                // or not: then it was never said
//
// and for the text of an answer, while its tokens come,
//
//	output := chat.NewOutput(stops)
//	text, stopped := output.Write(vocabulary.Piece(token))
//
// # A conversation grows by tokens
//
// A turn extends the token sequence of the turn before; the past is not made
// into tokens again. That keeps a KV cache valid, and what the model sampled
// need not be what a tokenizer would make of the same text.
//
//	text      ├─ prompt 1 ─┼─ answer 1 ─┼─ rendered anew, and new ─┤
//	tokens    ├─ tokenised ┼─ sampled ──┼─ tokenised ──────────────┤
//
// Each turn the conversation is rendered: by most templates from the last message
// on, which loop.go tells, by the others in full. As far as the new text begins
// with the pieces of the old, their tokens stand, and the rest is tokenised. A
// template that writes the past differently than before (Qwen3 drops earlier
// reasoning, Mistral moves the tools to the last question) or a client that
// edits it is noticed: Prompt.Rewritten. The tokens are then new from the first
// piece that differs, and the caller compares them with what it has cached. Prompt.Past
// says how much of the past the prompt begins with, and who changed the rest: the client
// that edited a message (which one), other tools, or the template.
//
// Two liberties are taken where an answer meets the template. White space at its
// ends may be missing in the new text; the model has seen it, so its tokens
// stand. And the token that ended the answer stands when the template goes on
// with the same; else the template's takes its place, in a cell that was never
// computed.
//
// # Seams
//
// Text is cut for the tokenizer where the template's control tokens begin, across
// which tokenizers do not look, and where an answer begins and ends, where nearly
// all templates have a control token too. So the tokens are those that llama.cpp
// and Hugging Face's tokenizers make of the whole text, but for the answers, which
// are as they were sampled, and for white space before a control token that
// swallows it, as those of a few models do that are not served here.
//
// BOS comes first where the model expects it, and is not doubled where the
// template writes it, as in llama.cpp.
//
// # Contents are text
//
// Only the template's own text becomes control tokens. A content, a tool's
// description or an argument that spells one is tokenised as plain text; guard.go
// tells how.
//
// # What a template cannot say
//
// Templates drop what they do not know. Tools, tool calls, tool results and
// system messages that a model's template would drop are said in messages that it
// shows; adapt.go tells how.
package chat
