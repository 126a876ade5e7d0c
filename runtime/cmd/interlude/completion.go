package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/nats-io/nats.go"
	"github.com/posener/complete"
	"github.com/willabides/kongplete"

	"github.com/interlude-run/interlude/runtime/pull"
)

// completionCmd prints what makes a shell complete our commands.
type completionCmd struct {
	Shell string `arg:"" help:"The shell: ${enum}." enum:"bash,zsh,fish"`
}

// Help implements kong.HelpProvider.
func (*completionCmd) Help() string {
	return `Prints a script for the shell, which asks this binary what fits: commands, flags, models in the cache, programs of a node that can be reached.

  bash   echo 'source <(interlude completion bash)' >> ~/.bashrc
  zsh    echo 'source <(interlude completion zsh)' >> ~/.zshrc
  fish   interlude completion fish > ~/.config/fish/completions/interlude.fish`
}

// completionScripts have the shells call the binary with what was typed in COMP_LINE.
var completionScripts = map[string]string{
	"bash": "complete -o default -C %[1]s interlude\n",
	"zsh":  "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\ncomplete -o default -C %[1]s interlude\n",
	"fish": `function __complete_interlude
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    %[1]s
end
complete -c interlude -a "(__complete_interlude)"
`,
}

// Run prints the script.
func (c *completionCmd) Run() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	if self, err = filepath.Abs(self); err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	_, err = fmt.Printf(completionScripts[c.Shell], quoted(self))
	return err
}

// quoted is a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// completing answers a shell that asks what fits; false when none does.
func completing(parser *kong.Kong) bool {
	if os.Getenv("COMP_LINE") == "" {
		return false
	}
	kongplete.Complete(parser,
		kongplete.WithPredictor("model", complete.PredictFunc(cachedModels)),
		kongplete.WithPredictor("program", complete.PredictFunc(livePrograms)),
		kongplete.WithPredictor("file", complete.PredictFiles("*")),
		kongplete.WithExitFunc(func(int) {}),
	)
	return true
}

// cachedModels are the words that name models which are here.
func cachedModels(complete.Args) []string {
	p, err := pull.New(pull.Options{})
	if err != nil {
		return nil
	}
	models, _ := p.CachedModels()
	names := []string{pull.DefaultModel}
	for _, m := range models {
		names = append(names, m.Path)
	}
	return names
}

// completionTime is how long somebody who has pressed a key waits at most.
const completionTime = time.Second

// livePrograms are those of the nodes that the environment names, or the usual one.
func livePrograms(complete.Args) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	ask := askFlags{
		externalFlags: externalFlags{NATS: os.Getenv("INTERLUDE_NATS"), User: os.Getenv("INTERLUDE_NATS_USER"), Password: os.Getenv("INTERLUDE_NATS_PASSWORD"), Creds: os.Getenv("INTERLUDE_NATS_CREDS")},
		Tenant:        os.Getenv("INTERLUDE_TENANT"),
	}
	nodes, err := ask.programs(ctx, nats.Timeout(completionTime/4))
	if err != nil {
		return nil
	}
	var names []string
	for i := range nodes {
		for _, p := range nodes[i].Programs {
			names = append(names, p.Program)
		}
	}
	return names
}
