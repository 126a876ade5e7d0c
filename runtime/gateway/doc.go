// Package gateway lets agents that know nothing of Interlude use it: it serves OpenAI's and
// Anthropic's APIs over HTTP, by durable turns of programs over NATS.
//
//	g, err := gateway.New(ctx, gateway.Config{Conn: conn, Model: "smollm2"})
//	http.ListenAndServe("127.0.0.1:8080", g)
//	…
//	g.Drain()         // new requests are told to come again
//	server.Shutdown() // those under way go on
//	g.Close()
//
// It is a client of the nodes like any other and knows nothing of their insides. Several
// gateways may serve the same nodes: what they have to agree on is in a JetStream bucket.
//
// # Which program is this?
//
// Clients of these APIs send the whole conversation with every request. A conversation is
// known by a chain of hashes over what was said (canon.go); the ledger (ledger.go) knows the
// program and turn behind every conversation that a program has had. So a request goes on
// with the program that it extends, by a turn of only what is new (place.go):
//
//	request  system, question, answer, tool's result
//	chain    h1      h2        h3      h4
//	ledger                     h3 → program p, turn 1
//	turn     p, 2:                     tool's result
//
// A Responses client may name what it goes on with: a response, or a conversation of a name of
// its own (conversation), which is a program whose turns are what is new. From a response that
// was gone on from, a fork begins: a program whose first turn says after which turn of the other
// one it comes. A text that is gone on with as it is (completions.go) is nobody's conversation.
//
// # From request to answer
//
//	HTTP ──▶ chat.go, …: an ask, whatever the API
//	          │ the same ask under way? join it
//	          ▼
//	        flight.go: one goroutine for each turn under way
//	          │ place.go: where does it belong?   ◀──▶ ledger, in JetStream
//	          │ sdk: the turn, over NATS          ◀──▶ nodes
//	          ▼
//	        readers, each at its own pace: sse.go, or all at once
//
// # Promises
//
//   - A request that is sent once more (a client's retry, an Idempotency-Key, or the very same
//     body while the first is under way) has the same answer, and nothing is computed twice.
//     That holds for a retry at another gateway, too, at whatever moment the first one died: a
//     turn that it could not note is found by what the request says. What came to nothing, as
//     the turn of a client that was gone, is no answer: it is tried once more.
//   - A stream ends with its API's end, or with its error: never just so.
//     Where a node died in the middle, it goes on with what the next one has more, or ends with
//     an error if that one says something else; whoever comes again has that answer in full.
//   - A client that goes away cancels its turn, unless another one reads it too.
//   - What is refused is refused with a reason, in the shape of the API that was asked.
//   - What is served is what openapi.yaml says, which is served, too: every request and answer
//     of the tests is held to it, and the clients' folder has a run of schemathesis over it.
//   - Nothing that a client sends is trusted: bodies, headers and times are bounded, and web
//     pages may not ask unless they are allowed to (guard.go).
package gateway
