package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/interlude-run/interlude/programs"
	"github.com/interlude-run/interlude/programs/sched"
	"github.com/interlude-run/interlude/runtime/core"
	"github.com/interlude-run/interlude/runtime/sim/cost"
	"github.com/interlude-run/interlude/runtime/sim/workload"
)

// cli is the command line.
type cli struct {
	Config string `help:"Configuration file in YAML or JSON, each line a flag without its dashes: kv-bytes: 2GiB. Flags go before the environment, the environment before the file. Default: interlude/config.yaml in the user's configuration folder, if it is there." type:"path" placeholder:"FILE" env:"INTERLUDE_CONFIG"`

	Serve   serveCmd   `cmd:"" help:"Run a node: take turns from NATS and answer them."`
	Gateway gatewayCmd `cmd:"" help:"Serve the OpenAI and Anthropic APIs in front of the nodes of a NATS server."`
	Run     runCmd     `cmd:"" help:"Talk to a model at the terminal, or have it answer one prompt."`
	Ps      psCmd      `cmd:"" help:"Show the programs of running nodes: what they do, the memory that is kept of them, until when and why."`
	List    listCmd    `cmd:"" help:"Show the models that are here, which one is the default, and which are loaded."`
	Launch  launchCmd  `cmd:"" help:"Start a coding agent on the gateway, with settings of its own."`
	Demo    demoCmd    `cmd:"" help:"Run three agents on a source tree, with and without reuse between turns, and compare."`
	Sim     simCmd     `cmd:"" help:"Simulate agent programs under this scheduler and others', on an engine's cost model."`
	Explain explainCmd `cmd:"" help:"Tell from an event log why turns waited, and whose cache was kept, moved or taken."`
	Trace   traceCmd   `cmd:"" help:"Show from an event log what a run consisted of, as a timeline, or as a file for Perfetto."`
	Pull    pullCmd    `cmd:"" help:"Fetch the engine libraries and the model into the cache."`
	Doctor  doctorCmd  `cmd:"" help:"Say what this machine has, what it lacks, and what to do about it."`
	Bench   benchCmd   `cmd:"" help:"Measure."`
	Version versionCmd `cmd:"" help:"Print versions."`

	Completion completionCmd `cmd:"" help:"Print a script that makes a shell complete commands, models and programs."`
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if busyChild() {
		return 0
	}
	var c cli
	parser, err := newParser(&c, args)
	if err != nil {
		panic(err) // the declarations above are wrong
	}
	if completing(parser) {
		return 0
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "interlude:", err)
		var parseError *kong.ParseError
		if errors.As(err, &parseError) {
			fmt.Fprintln(os.Stderr, "Run `interlude --help` or `interlude COMMAND --help` for what there is.")
		}
		return exitUsage
	}
	ctx, stop := interruptible()
	defer stop()
	kctx.BindTo(ctx, (*context.Context)(nil))
	return report(ctx, kctx.Run(), func(words ...any) { fmt.Fprintln(os.Stderr, words...) })
}

// newParser declares the command line. It takes the arguments for --config alone.
func newParser(c *cli, args []string) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("interlude"),
		kong.Description("An agent-workflow serving runtime: turns over NATS, a KV cache that survives the tool calls between them.\n\n"+exitCodes),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"tableprograms": strconv.Itoa(tablePrograms), "tabletime": tableTime, "policies": strings.Join(sched.Names(), ","), "workloads": strings.Join(workload.Names(), ", "), "engines": strings.Join(cost.Names(), ", "), "costmodels": strings.Join(cost.ModelNames(), ", "),
			"running": strconv.Itoa(core.DefaultRunning), "turns": strconv.Itoa(core.DefaultTurns), "forgetafter": core.DefaultForgetAfter.String(), "maxwait": sched.DefaultGuard.Bound[programs.Interactive].String(), "maxwaitbackground": sched.DefaultGuard.Bound[programs.Background].String()},
		kong.Resolvers(readSettings(args)),
	)
}

// interruptible is a context that the first SIGINT or SIGTERM ends, so that
// whatever runs drains; the second ends the process.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process: the second signal comes when it comes
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	return ctx, cancel
}
