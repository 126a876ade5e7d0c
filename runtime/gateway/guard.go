package gateway

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A web page that somebody looks at can send requests to whatever listens on that machine. So
// a request that comes from a page (it has an Origin) is refused unless the origin is one of
// Config.Origins, and so is one that names a host which is not the gateway's: a page can have
// a name of its own point to 127.0.0.1 (DNS rebinding).

// guard refuses such requests, and answers the questions of pages that may ask.
func (g *Gateway) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.knownHost(r.Host) {
			fail(w, r, &refusal{status: http.StatusForbidden, code: "foreign_host", message: "the gateway is not called " + r.Host + "; name its address, or give it that name with --http-host"})
			return
		}
		origin := r.Header.Get("Origin")
		if origin == "" {
			next.ServeHTTP(w, r)
			return
		}
		if !slices.Contains(g.cfg.Origins, origin) && !slices.Contains(g.cfg.Origins, "*") {
			fail(w, r, &refusal{status: http.StatusForbidden, code: "foreign_origin", message: "web pages of " + origin + " may not ask; allow them with --http-origin"})
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Expose-Headers", "*")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knownHost tells whether a request's Host is loopback's name, an address, or one of
// Config.Hosts. A page cannot have an address as its own name.
func (g *Gateway) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil ||
		slices.Contains(g.cfg.Hosts, host) || slices.Contains(g.cfg.Hosts, "*")
}

// isOrigin tells whether a text is a web origin.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return text == "*" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Path == ""
}
