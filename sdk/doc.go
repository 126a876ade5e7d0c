// Package sdk is the Go client of Interlude: it submits the turns of a program
// (an agent run) over NATS and reads their answers while they come.
//
//	client, err := sdk.Connect("nats://127.0.0.1:4222")
//	…
//	program := client.Program("fix-issue-17")
//	answer, err := program.Turn(ctx, sdk.Turn{Messages: []sdk.Message{sdk.User("Hello!")}})
//	…
//	for text, err := range answer.Text() { … }
//	result, err := answer.Result(ctx)
//
// # A turn's life
//
//	Turn ──▶ submitted ──▶ accepted ──▶ Text: pieces as they come ──▶ Result
//	            │              │
//	     Error: nothing     ctx ends: cancelled on the node too
//	     was stored
//
// Once Turn has returned without an error, the turn is on disk and will have
// exactly one Result, whatever happens to this process, to the node or to the
// connection; Client.Result reads it later, from anywhere. Submitting the same
// turn again, by its Number, runs nothing twice.
//
// # Streaming
//
// Pieces of text carry sequence numbers. Where one is missing, or a node died and
// another began anew, Text goes on with what the stored answer has more than was
// shown: it never repeats, and it never leaves a hole.
//
// # Between turns
//
// While a tool runs, the node keeps the program's cache as long as that is worth it. A
// turn can say what its answer will call (ToolHint) and how many turns follow
// (RemainingTurns); as it happens, ToolStarted, ToolProgress, Compacting and End say
// more. Result.Pin, and what these return, tell what the cache is worth.
//
// # Errors
//
// What a node says of a turn is an *Error with a Code and a Hint; ErrQueueFull
// and its like are for errors.Is. A turn that was accepted but not completed
// (cancelled, past its deadline, rejected) ends Text and Result with such an
// error. Where the node is too busy to answer in time and turns the turn away, that is
// ErrOverloaded, and the error says when to come again:
//
//	var e *sdk.Error
//	if errors.As(err, &e) && errors.Is(err, sdk.ErrOverloaded) {
//		time.Sleep(e.RetryAfter()) // and send the messages as the next turn
//	}
//
// # Concurrency
//
// A Client and a Program may be used by many goroutines; the turns of a program
// are numbered in the order of the calls. An Answer has one user at a time.
package sdk
