package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLaunch starts a program in each agent's place, and looks at what it is given. What the agents
// themselves make of it is judged by task clients-cli.
func TestLaunch(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/models" || r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"object":"list","data":[{"id":"some-model"},{"id":"other"}]}`))
	}))
	defer gateway.Close()

	for name, c := range map[string]struct {
		home    string            // the variable that names it
		env     map[string]string // set
		unset   []string
		written []string // files in its home, each of which names the gateway or the model
		setting string   // the variable that does so instead
	}{
		"codex":    {home: "CODEX_HOME", env: map[string]string{"INTERLUDE_API_KEY": "secret"}, unset: []string{"OPENAI_API_KEY"}, written: []string{"config.toml"}},
		"claude":   {home: "CLAUDE_CONFIG_DIR", env: map[string]string{"ANTHROPIC_BASE_URL": gateway.URL, "ANTHROPIC_AUTH_TOKEN": "secret", "ANTHROPIC_MODEL": "some-model", "ANTHROPIC_CUSTOM_HEADERS": "X-Interlude-Session: mine"}, unset: []string{"ANTHROPIC_API_KEY"}},
		"opencode": {env: map[string]string{"INTERLUDE_API_KEY": "secret"}, setting: "OPENCODE_CONFIG_CONTENT"},
		"pi":       {home: "PI_CODING_AGENT_DIR", env: map[string]string{"INTERLUDE_API_KEY": "secret"}, written: []string{"models.json", "settings.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			home, seen := t.TempDir(), t.TempDir()
			does := `env -0 > "$SEEN/env"; printf '%s\n' "$@" > "$SEEN/args"; [ -z "$` + c.home + `" ] || cp -R "$` + c.home + `" "$SEEN/home"; exit 3`
			if c.home == "" {
				does = strings.Replace(does, `[ -z "$" ] || cp -R "$" "$SEEN/home"; `, "", 1)
			}
			got := invoke(t, []string{
				"PATH=" + clientThat(t, codingAgents[name].program, does), "HOME=" + home, "SEEN=" + seen, "TMPDIR=" + t.TempDir(),
				"OPENAI_API_KEY=mine", "ANTHROPIC_API_KEY=mine", "INTERLUDE_API_KEY=secret", "INTERLUDE_URL=" + gateway.URL + "/v1/",
			}, "launch", name, "--session", "mine", "--", "-p", "two words", "--json")
			if got.code != 3 {
				t.Fatalf("ends with %d, and the agent with 3: %s", got.code, got.stderr)
			}
			if args := read(t, seen, "args"); args != "-p\ntwo words\n--json\n" {
				t.Errorf("its arguments: %q", args)
			}
			env := map[string]string{}
			for _, line := range strings.Split(read(t, seen, "env"), "\x00") {
				variable, value, _ := strings.Cut(line, "=")
				env[variable] = value
			}
			for variable, want := range c.env {
				if env[variable] != want {
					t.Errorf("%s is %q, want %q", variable, env[variable], want)
				}
			}
			for _, variable := range c.unset {
				if value, set := env[variable]; set {
					t.Errorf("%s is still %q", variable, value)
				}
			}
			if env["HOME"] != home {
				t.Errorf("its HOME is %s, which the tools that it runs need", env["HOME"])
			}
			settings := env[c.setting]
			for _, file := range c.written {
				text := read(t, seen, "home/"+file)
				if strings.HasSuffix(file, ".json") && !json.Valid([]byte(text)) {
					t.Errorf("%s is no JSON: %s", file, text)
				}
				settings += text
			}
			if len(c.written) > 0 || c.setting != "" {
				for _, word := range []string{gateway.URL + `/v1"`, "some-model", "X-Interlude-Session", "mine"} {
					if !strings.Contains(settings, word) {
						t.Errorf("the settings do not say %s: %s", word, settings)
					}
				}
				if strings.Contains(settings, "secret") {
					t.Errorf("the key is written down: %s", settings)
				}
			}
			if own := env[c.home]; c.home != "" {
				if _, err := os.Stat(own); own == "" || !os.IsNotExist(err) {
					t.Errorf("its folder %q is still there: %v", own, err)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(home, ".*")); len(left) > 0 {
				t.Errorf("the user's own home has %v", left)
			}
		})
	}
}

// TestLaunchHome: what an agent keeps in its folder is there again, under the same session.
func TestLaunchHome(t *testing.T) {
	one := launchCmd{Home: "/a"}
	if again := (&launchCmd{Home: "/a"}); one.session() != again.session() {
		t.Errorf("%s and then %s", one.session(), again.session())
	}
	others := map[string]bool{one.session(): true, (&launchCmd{Home: "/b"}).session(): true, (&launchCmd{}).session(): true, (&launchCmd{Session: "mine", Home: "/a"}).session(): true}
	if len(others) != 4 || !others["mine"] {
		t.Errorf("sessions are %v", maps.Collect(maps.All(others)))
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
