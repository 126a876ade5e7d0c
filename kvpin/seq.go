package kvpin

// Seq names a sequence of the engine, and with it an account of the ledger.
// Whoever opens it chooses the name; 0 is not one.
type Seq uint64
