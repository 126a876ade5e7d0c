// Package wire is what travels between clients and nodes: subjects, messages in
// versioned JSON, error codes. It imports the standard library alone, so that it
// reads as the specification for a client in any language.
//
// # One call
//
// A turn is a request on a subject that names the tenant, the program and the
// number of the turn. With the nats command line:
//
//	nats request interlude.v1.default.submit.hello.1 \
//	  '{"v":1,"messages":[{"role":"user","content":"Hello!"}]}'
//
// The reply comes as soon as the turn is on disk:
//
//	{"v":1,"accepted":{"tenant":"default","program":"hello","turn":1,
//	  "result_subject":"interlude.v1.default.result.hello.1",
//	  "stream_subject":"interlude.v1.default.stream.hello.1"}}
//
// or an error that says what to do:
//
//	{"v":1,"error":{"code":"queue_full","message":"…","hint":"…","retry_after_ms":250,"retryable":true}}
//
// The answer can be read as often as one likes, for as long as results are kept
// (the error not_finished means that there is none yet):
//
//	nats request interlude.v1.default.read.hello.1 ''
//
// # Subjects
//
//	submit.<program>.<turn>  request, a Turn     → Reply with Accepted or Error
//	cancel.<program>.<turn>  request, empty      → Reply with Cancelled or Error
//	signal.<program>.<turn>  request or publish, a Signal → Reply with Signalled or Error, from the node that has the program
//	read.<program>.<turn>    request, empty      → Reply with Result or Error
//	count.<program>.<turn>   request, a Turn     → Reply with Counted or Error; nothing is kept
//	programs                 request, empty      → Reply with Programs, from each node
//	stream.<program>.<turn>  subscribe: Chunks while tokens come, none of them kept
//	result.<program>.<turn>  subscribe: the Result at the moment it is stored; kept in the stream INTERLUDE_RESULTS
//	turn.<program>.<turn>    kept in the stream INTERLUDE_TURNS; nodes only
//	finish.<program>.<turn>  what nodes propose as the Result; the first one is stored as result.…; nodes only
//
// each after "interlude.v1.<tenant>."; interlude.v1.programs, for whoever may publish there, is
// of all tenants. Tenants and programs are 1 to 64 of the
// characters A–Z a–z 0–9 _ and -; a turn's number is decimal, from 1.
//
// # A turn's life
//
//	submit ─ validate ─ stored ─ Accepted ─ waits ─ runs ─ Result stored
//	            │          │                  │       │
//	          Error    same turn again:     cancel, deadline: a Result too
//	                   Accepted, duplicate
//
// A turn is accepted when the turn before it has been. It is run when the turn
// before it has a Result. It has exactly one Result, whoever writes it: the
// first one stored stands.
//
// # Waiting
//
// A turn says who waits for it, with "class": "interactive", which is the default, or
// "background" where nobody does and it may take hours:
//
//	{"v":1,"class":"background","messages":[…]}
//
// A node promises the first token of a turn within a bound for its class, as far as its
// tenant asks for no more than its part. What it cannot promise that runs later; or, where
// the node turns such turns away, has a result at once that says when to come again, with
// the next turn:
//
//	"outcome":"failed","error":{"code":"overloaded","message":"…","retryable":true,"retry_after_ms":41000}
//
// # Between two turns
//
// What a client knows of the wait is welcome: with the turn (Lifecycle), or as it
// happens, on the signal subject of the turn that is over:
//
//	nats request interlude.v1.default.signal.hello.1 \
//	  '{"v":1,"calls":[{"name":"pytest","expected_ms":60000}]}'
//
// The node that has the program's cache answers with what the cache is now worth. When
// no node has it there is no answer, and nothing that the signal could have helped.
//
// # What a result says of the cache
//
//	"usage":{"prompt_tokens":610,"reused_tokens":112,"restored_tokens":0,"prefilled_tokens":498,"completion_tokens":20},
//	"miss":{"reason":"history_edited","tokens":380,"message":3}
//
// Usage adds up to the prompt: what was in the cache, what came back from host memory or
// disk, what was computed. Miss tells why tokens that earlier turns had left had to be
// computed again. Here the client sent the whole conversation with another message 3, and
// 380 tokens that were known behind message 2 were of no use.
//
// # Prompts and forks
//
// A turn may have a prompt in the place of messages: a text that the model goes on with as it
// is. And it may go on from any turn that was answered and is kept, of whichever of the
// tenant's programs:
//
//	{"v":1,"prompt":"The sea is"}
//	{"v":1,"mode":"replace","from":{"program":"hello","turn":1},"messages":[…]}
//
// How long the prompt of a turn would be can be asked without sending it:
//
//	nats request interlude.v1.default.count.hello.2 '{"v":1,"messages":[…]}'
//	{"v":1,"counted":{"prompt_tokens":57}}
//
// # Promises of the stream
//
// Chunks of one attempt count from 1 without a gap. When a node dies, another one
// begins a new attempt with a higher number, from the beginning of the text. The
// Result's text is the answer; chunks only show it earlier.
//
// # Why nodes reply, and not JetStream
//
// Tenants have no right to any subject of JetStream. Its server answers wherever
// a request asks it to, with rights of its own: a tenant who may read one of its
// results could have it delivered into another tenant's subjects. Nodes reply to
// inboxes alone, see MayReply.
//
// # Versions
//
// Every message has "v". Nodes refuse turns with another version and with fields
// that they do not know; clients ignore fields that they do not know.
package wire
