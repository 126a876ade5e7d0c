package spans

// Conventions is what the names that begin with gen_ai, and those of operations, follow. They
// are the same in semconv/v1.41.0 of OpenTelemetry's Go packages, the last that has any.
const Conventions = "OpenTelemetry semantic-conventions-genai v0.1.0"

// The names of attributes that the conventions give.
const (
	KeyOperationName   = "gen_ai.operation.name"
	KeyConversationID  = "gen_ai.conversation.id" // the program
	KeyToolName        = "gen_ai.tool.name"
	KeyInputTokens     = "gen_ai.usage.input_tokens"
	KeyOutputTokens    = "gen_ai.usage.output_tokens"
	KeyCacheReadTokens = "gen_ai.usage.cache_read.input_tokens" // reused or restored
	KeyFinishReasons   = "gen_ai.response.finish_reasons"
	KeyErrorType       = "error.type"
)

// The names of our own attributes. Times are in seconds.
const (
	KeyTenantName = "interlude.tenant"
	KeyTurnNumber = "interlude.turn"

	// Of a program.
	KeyParentName    = "interlude.parent"
	KeyTurnsTaken    = "interlude.turns"
	KeyTurnsRejected = "interlude.rejected"
	KeyProgramEnd    = "interlude.end" // ended or forgotten

	// Of a turn.
	KeyFirstToken      = "interlude.first_token" // after its arrival
	KeyPromisedToken   = "interlude.promised"    // after its arrival
	KeyPreemptions     = "interlude.preemptions"
	KeyReusedTokens    = "interlude.tokens.reused"
	KeyRestoredTokens  = "interlude.tokens.restored"
	KeyMovedTokens     = "interlude.tokens.moved"
	KeyPrefilledTokens = "interlude.tokens.prefilled"
	KeyMissedTokens    = "interlude.tokens.missed"
	KeyMissReason      = "interlude.miss"
	KeyRetryAfter      = "interlude.retry_after"

	// Of a gap.
	KeyGapReturned = "interlude.gap.returned" // a turn came
	KeyPinTTL      = "interlude.pin.ttl"
	KeyPinExpected = "interlude.pin.expected"
	KeyPinReload   = "interlude.pin.reload" // to have the cells again, were they lost
	KeyPinCells    = "interlude.pin.cells"  // that the gap began with
	KeyPinLeft     = "interlude.pin.left"   // of these, on the device as it ended
	KeyPinBelow    = "interlude.pin.below"  // of these, on a lower tier then
	KeyPinOutcome  = "interlude.pin.outcome"

	// Of events.
	KeyCellsCount = "interlude.cells"
	KeyCellsOf    = "interlude.of"
	KeyOtherName  = "interlude.other" // the program that gained by it
	KeyTierName   = "interlude.tier"
	KeyTookTime   = "interlude.took"
	KeyReasonName = "interlude.reason"
	KeyMessageNo  = "interlude.message"
)

// The names of events.
const (
	EventPreempted = "preempted" // the turn lost its place
	EventEdit      = "edit"      // the context is another than it was
	EventMiss      = "miss"      // context that earlier turns had left was not found
	EventRejected  = "rejected"  // a turn was not taken in
	EventEvicted   = "evicted"   // cells were taken for another
	EventPin       = "pin"       // the seat was priced again, as more is known of the wait
	EventCopied    = "copied"    // cells were copied to a lower tier, or between two
	EventRestored  = "restored"  // cells came back to the device
	EventComputed  = "computed"  // cells were computed ahead of the turn
	EventMoveFails = "move_failed"
)
