package gateway

import "github.com/interlude-run/interlude/sdk"

// cachedTokens is how much of a prompt was not computed for it, in the clients' words: it was in
// the cache, was brought back from a lower tier, or was moved from behind another text.
func cachedTokens(u sdk.Usage) int { return u.ReusedTokens + u.RestoredTokens + u.MovedTokens }
