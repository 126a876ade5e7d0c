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
// or, split into text, reasoning and calls,
//
//	reader := template.Format().ReaderOf(tools)
//	pieces := reader.Write(text)                       // see Format.Spell for control tokens
//	…
//	pieces = reader.Close()
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
//
// # What an answer is made of
//
// How a model writes calls and reasoning is read from its template, which writes those of
// the past: derive.go tells how. One machine, the Reader, splits the answers of all models:
//
//   - Where an answer is cut makes no difference to what it is made of.
//   - Held back is only what could still become a marker, or belong to one.
//   - Arguments are JSON, and come as the model writes them. A call is done with its last
//     argument; what the model writes behind that may break.
//   - Calls are numbered from 0. Only functions that the answer may call are called.
//   - Nothing is lost: what looks like a call and is none is text.
//
// CallGrammar turns the same format around: a model that must call a function is held to
// write it so.
//
// Known to be derived are the formats of Qwen 2.5, 3, 3.5 and Coder, Hermes, Llama 3,
// Mistral from Nemo on, DeepSeek, Granite 4, GLM, MiniMax M1 and M2, Nemotron, Command R and
// Seed. gpt-oss has a file of its own, harmony.go. Not derived, so that only an object alone
// is a call, are those of Gemma 4, Kimi, Apertus and of models that write calls as Python.
package chat
