package programs

// Tokens counts tokens of a context, or the cells of KV cache that hold them:
// one cell per token.
type Tokens int64

// Bytes counts bytes of memory.
type Bytes int64
