package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// launchCmd starts a coding agent on a gateway.
type launchCmd struct {
	Client   string   `arg:"" help:"The agent: ${enum}." enum:"codex,claude,opencode,pi"`
	Args     []string `arg:"" optional:"" help:"Its own arguments, behind --."`
	URL      string   `help:"The gateway." default:"http://127.0.0.1:8080" placeholder:"URL" name:"url" env:"INTERLUDE_URL"`
	Key      string   `help:"Its key, where it has keys. Prefer the environment." placeholder:"KEY" default:"none" env:"INTERLUDE_API_KEY"`
	As       string   `help:"The model, by the gateway's name for it. Default: the gateway's first." name:"served-model-name" placeholder:"NAME" env:"INTERLUDE_SERVED_MODEL_NAME"`
	Session  string   `help:"Name of the session, for clients that name none. Default: that of --home, or a new one." placeholder:"NAME"`
	Home     string   `help:"Folder for the agent's settings and past conversations. Default: a new one, which is gone when it ends." type:"path" placeholder:"DIR"`
	Show     bool     `help:"Start nothing: print what would be set and run."`
	jsonFlag `embed:""`
}

// Help implements kong.HelpProvider.
func (*launchCmd) Help() string {
	return `Points the agent at the gateway by settings in a folder of its own; your settings of it stay as they are, and are not used. What stands behind -- is passed on:

  interlude launch claude -- -p "Why does the build fail?"`
}

// Validate is called by kong.
func (c *launchCmd) Validate() error {
	switch {
	case c.JSON && !c.Show:
		return errors.New("--json is for --show: else what is printed is the agent's")
	case c.Show && c.Home == "":
		return errors.New("--show needs --home, the folder that the settings are for")
	}
	if u := strings.TrimSuffix(c.URL, "/"); !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		return fmt.Errorf("--url is %q; write http://HOST:PORT", c.URL)
	}
	return nil
}

// Run starts the agent, and ends as it does.
func (c *launchCmd) Run(ctx context.Context) error {
	to := target{url: strings.TrimSuffix(strings.TrimSuffix(c.URL, "/"), "/v1"), key: c.Key, model: c.As, session: c.session(), home: c.Home}
	if err := to.look(ctx); err != nil {
		return err
	}
	if to.home == "" {
		home, err := os.MkdirTemp("", "interlude-"+c.Client+"-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(home)
		to.home = home
	}
	client := codingAgents[c.Client]
	setup := client.setup(&to)
	if c.Show {
		return c.print(c.shown(setup), func(out io.Writer) error { return c.shown(setup).print(out) })
	}
	path, err := exec.LookPath(client.program)
	if err != nil {
		return fmt.Errorf("%s is not installed, or not in PATH: install it with `npm install -g %s`, and launch it again", client.program, client.npm)
	}
	if err := setup.write(to.home); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s on %s, model %s\n", client.program, to.url, to.model)
	return start(ctx, path, slices.Concat(setup.args, c.Args), setup.environment(os.Environ()))
}

// session is the name of the session: conversations that are kept in a home can be gone on with.
func (c *launchCmd) session() string {
	switch {
	case c.Session != "":
		return c.Session
	case c.Home != "":
		h := sha256.Sum256([]byte(c.Home))
		return "launch-" + hex.EncodeToString(h[:8])
	}
	return "launch-" + rand.Text()[:10]
}

// target is where an agent is pointed.
type target struct {
	url, key, model, session string
	home                     string // folder for its settings
}

var errNoGateway = errors.New("no gateway answers")

// look asks the gateway whether it is there, lets us in, and what its model is called.
func (t *target) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/v1/models", nil)
	if err != nil {
		return usageError{fmt.Errorf("--url: %w", err)}
	}
	r.Header.Set("Authorization", "Bearer "+t.key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%w at %s: %w; --url or INTERLUDE_URL says where it is", errNoGateway, t.url, err)
	}
	defer answer.Body.Close()
	var models struct {
		Data []struct{ ID string }
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(body, &models)
	}
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return &httpRefusal{answer.StatusCode, fmt.Sprintf("the gateway at %s wants another key: give it with INTERLUDE_API_KEY or --key", t.url)}
	case answer.StatusCode != http.StatusOK:
		return &httpRefusal{answer.StatusCode, fmt.Sprintf("the gateway at %s answers %s", t.url, answer.Status)}
	case err != nil:
		return fmt.Errorf("the gateway at %s: read its models: %w; is it Interlude's?", t.url, err)
	case len(models.Data) == 0:
		return fmt.Errorf("the gateway at %s has no model", t.url)
	}
	t.model = cmp.Or(t.model, models.Data[0].ID)
	return nil
}

// setup is what points an agent at a gateway.
type setup struct {
	Files map[string]string `json:"files"` // in its home, by name
	Env   map[string]string `json:"env"`   // what is set
	Unset []string          `json:"unset"` // what would get in the way
	args  []string          // before the user's
}

// write writes the files.
func (s *setup) write(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("make the folder for the agent's settings: %w", err)
	}
	for name, text := range s.Files {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the agent's settings: %w", err)
		}
	}
	return nil
}

// environment is the agent's, made from ours.
func (s *setup) environment(ours []string) []string {
	theirs := slices.DeleteFunc(slices.Clone(ours), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		_, set := s.Env[name]
		return set || slices.Contains(s.Unset, name)
	})
	for name, value := range s.Env {
		theirs = append(theirs, name+"="+value)
	}
	return theirs
}

// start runs the agent at our terminal. What interrupts us reaches it as well, and it decides
// what that means.
func start(ctx context.Context, path string, args, env []string) error {
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, env
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) }) // for a signal that was sent to us alone
	defer stop()
	var ended *exec.ExitError
	switch err := cmd.Wait(); {
	case errors.As(err, &ended) && ended.ExitCode() >= 0:
		return clientExit(ended.ExitCode())
	case err != nil && ctx.Err() != nil:
		return clientExit(exitInterrupted)
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// launch is what --show prints.
type launch struct {
	setup
	Home    string   `json:"home"`
	Command []string `json:"command"`
}

func (c *launchCmd) shown(s *setup) *launch {
	return &launch{*s, c.Home, slices.Concat([]string{codingAgents[c.Client].program}, s.args, c.Args)}
}

func (l *launch) print(out io.Writer) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l.Files)) {
		fmt.Fprintf(&b, "# %s\n%s\n", filepath.Join(l.Home, name), strings.TrimRight(l.Files[name], "\n"))
	}
	for _, name := range l.Unset {
		fmt.Fprintf(&b, "unset %s\n", name)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Env)) {
		fmt.Fprintf(&b, "export %s=%s\n", name, quoted(l.Env[name]))
	}
	for _, word := range l.Command {
		fmt.Fprintf(&b, "%s ", quoted(word))
	}
	_, err := fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	return err
}
