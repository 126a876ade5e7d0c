package gateway

import (
	"net/http"
	"testing"

	"github.com/interlude-run/interlude/sdk"
)

// TestReuse: a request says which computed context it may have; where it does not, the gateway's
// setting holds.
func TestReuse(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ set, asked, want sdk.Reuse }{
		{"", "", sdk.ReuseExact},
		{"", sdk.ReuseApproximate, sdk.ReuseApproximate},
		{sdk.ReuseApproximate, "", sdk.ReuseApproximate},
		{sdk.ReuseApproximate, sdk.ReuseExact, sdk.ReuseExact},
		{sdk.ReuseOff, "", sdk.ReuseOff},
	} {
		g := r.another(Config{Reuse: c.set})
		body := object{"model": "default", "messages": []object{message("user", string(c.set)+" and "+string(c.asked))}}
		if c.asked != "" {
			body["interlude"] = object{"reuse": c.asked}
		}
		if got := send(t, g, http.MethodPost, "/v1/chat/completions", body); got.Code != http.StatusOK {
			t.Fatalf("%+v: %d %s", c, got.Code, got.Body)
		}
		if got := r.last().Lifecycle.Reuse; got != c.want {
			t.Errorf("set %q, asked %q: the turn has %q, want %q", c.set, c.asked, got, c.want)
		}
	}
}

func TestCachedTokens(t *testing.T) {
	u := sdk.Usage{PromptTokens: 1000, ReusedTokens: 100, RestoredTokens: 20, MovedTokens: 3, PrefilledTokens: 877}
	if got := cachedTokens(u); got != 123 {
		t.Errorf("%d tokens of %+v are cached, want 123", got, u)
	}
}
