package deptest

// arrow says what the packages of a pattern may import. Patterns are paths within
// the module; one that ends in /... stands for the packages below it as well.
type arrow struct {
	pkg string
	may []string // packages of the module, and no others of it
	not []string // packages of the standard library
	why string
}

// world is what would let a clock, chance, another goroutine or the machine it
// runs on into a decision.
var world = []string{
	"context", "io", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "runtime", "sync", "sync/atomic", "time", "unsafe",
}

// arrows are tried in their order; the first whose pattern fits counts.
var arrows = []arrow{
	{
		pkg: "programs",
		not: []string{"context", "io", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "runtime", "sync", "sync/atomic", "unsafe"},
		why: "the vocabulary is a leaf, so that everyone can speak it; of package time it takes the units",
	},
	{
		pkg: "programs/order",
		may: []string{"programs"}, not: world,
		why: "an order of ranks, and nothing of who is ranked",
	},
	{
		pkg: "programs/sched",
		may: []string{"programs", "programs/order"}, not: world,
		why: "scheduling is deterministic and declares the memory that it needs; it does not own it",
	},
	{
		pkg: "kvpin/anchor",
		may: []string{"kvpin", "programs", "programs/order"}, not: world,
		why: "anchors charge the one ledger and do no arithmetic on tensors",
	},
	{
		pkg: "kvpin",
		may: []string{"programs", "programs/order"}, not: world,
		why: "the ledger counts bytes for whoever asks: it knows no scheduler, engine or tool",
	},
	{
		pkg: "toolpredict", not: world,
		why: "durations are estimated from durations: no programs, tokenizer or clock",
	},
	{
		pkg: "toolpredict/toolcall", not: world,
		why: "a call is named from its text alone, so that whoever has the text can name it",
	},
	{
		pkg: "runtime/core",
		may: []string{"programs/...", "kvpin/...", "toolpredict"}, not: world,
		why: "the same events give the same effects in the node and in the simulator; it sees no engine, only numbers",
	},
	{
		pkg: "runtime/sim/workload",
		may: []string{"programs"},
		why: "agent runs are data: what happens to them is somebody else's",
	},
	{
		pkg: "runtime/sim/cost",
		may: []string{"programs", "runtime/sim/workload"},
		why: "what a step costs depends on the step alone; the bound adds the programs that want it",
	},
	{
		pkg: "runtime/sim/score",
		may: []string{"programs", "runtime/sim/workload", "toolpredict"},
		why: "predictions are judged on gaps alone, whatever is scheduled by them",
	},
	{
		pkg: "runtime/sim/plot",
		may: []string{"programs"},
		why: "numbers in, a picture out",
	},
	{
		pkg: "runtime/sim",
		may: []string{"runtime/core", "runtime/sim/...", "programs/...", "kvpin/...", "toolpredict"},
		why: "the simulator is a shell of the core, beside the node and not on top of it",
	},
	{
		pkg: "runtime/eventlog",
		may: []string{"runtime/core", "programs/...", "kvpin", "toolpredict"},
		why: "a log listens to the core and steps another; which shell is logged is not its business",
	},
	{
		pkg: "runtime/recall",
		may: []string{"runtime/core", "runtime/eventlog", "programs"},
		why: "what was learnt is a value and a log is a file: which node's they are is not its business",
	},
	{
		pkg: "runtime/explain",
		may: []string{"runtime/core", "runtime/eventlog", "programs/...", "kvpin"},
		why: "what happened is told from a log and its machine, whoever wrote it",
	},
	{
		pkg: "runtime/node",
		may: []string{"runtime/core", "runtime/chat", "programs/...", "kvpin/...", "toolpredict/toolcall", "gpu/engine", "sdk/wire", "runtime/grammar", "runtime/internal/crew"},
		why: "the node declares the engine and the turns that it uses; cmd hands it the real ones",
	},
	{
		pkg: "runtime/chat/...",
		may: []string{"gpu/engine", "runtime/grammar"},
		why: "text and tokens, whoever delivers the one and computes with the other",
	},
	{
		pkg: "runtime/grammar",
		why: "a schema goes in and a grammar comes out, whoever asks for it and whoever follows it",
	},
	{
		pkg: "runtime/gateway",
		may: []string{"sdk/..."},
		why: "the gateway is a client like any other, and stands before nodes that it does not know",
	},
	{
		pkg: "runtime/gateway/clients/scripted",
		may: []string{"runtime/turns", "runtime/broker", "sdk/wire"},
		why: "a node without a model: delivery is real, and there is nothing behind it",
	},
	{
		pkg: "runtime/turns",
		may: []string{"programs", "sdk/wire", "runtime/internal/crew"},
		why: "delivery neither schedules nor caches",
	},
	{
		pkg: "runtime/broker",
		may: []string{"sdk/wire"},
		why: "a NATS server, or the way to one, whatever goes through it",
	},
	{
		pkg: "runtime/trace/spans",
		may: []string{"runtime/core", "programs/...", "kvpin"}, not: world,
		why: "the same events give the same spans, of a node that runs and of its log",
	},
	{
		pkg: "runtime/trace/timeline",
		may: []string{"runtime/eventlog", "runtime/trace/spans", "programs"},
		why: "spans in, text and files out, whoever made the log",
	},
	{
		pkg: "runtime/trace",
		may: []string{"runtime/core", "programs/..."},
		why: "a trace listens to the core; nothing but cmd needs it to be there",
	},
	{
		pkg: "runtime/pull",
		why: "fetching files needs nothing of what is made of them",
	},
	{
		pkg: "runtime/doctor",
		may: []string{"runtime/pull", "gpu/..."},
		why: "the doctor looks at the machine, not at what would be scheduled on it",
	},
	{
		pkg: "runtime/internal/crew",
		why: "errands are done by few goroutines, whatever they are",
	},
	{
		pkg: "runtime/internal/deptest",
		why: "the rules are not part of what they rule",
	},
	{
		pkg: "runtime/cmd/...",
		may: []string{"..."},
		why: "the binary puts the parts together",
	},
	{
		pkg: "gpu/engine",
		why: "the contract is types only: both sides of it import it",
	},
	{
		pkg: "gpu/internal/fixture",
		may: []string{"gpu/...", "runtime/pull"},
		why: "tests of the real engine fetch it as users do",
	},
	{
		pkg: "gpu/...",
		may: []string{"gpu/..."},
		why: "the engine knows no programs, pins or messages",
	},
	{
		pkg: "sdk/wire",
		why: "the schema is what any client in any language can know",
	},
	{
		pkg: "sdk/...",
		may: []string{"sdk/..."},
		why: "a client is built without the server",
	},
	{
		pkg: "examples/...",
		may: []string{"sdk/...", "examples/..."},
		why: "examples use what users use",
	},
}

// import of others' modules that only some packages may make.
var foreign = []struct {
	prefix string
	only   []string
	why    string
}{
	{
		prefix: "github.com/ebitengine/purego",
		only:   []string{"gpu/..."},
		why:    "foreign calls stay in the engine",
	},
	{
		prefix: "github.com/ardanlabs/jinja",
		only:   []string{"runtime/chat"},
		why:    "templates are rendered in one place",
	},
	{
		prefix: "mvdan.cc/sh/",
		only:   []string{"toolpredict/toolcall"},
		why:    "only the names of calls are read from shell; nothing is run by it",
	},
	{
		prefix: "github.com/nats-io/",
		only:   []string{"runtime/turns", "runtime/broker", "runtime/gateway", "runtime/cmd/...", "sdk/..."},
		why:    "only delivery and the client speak NATS; the schema does not",
	},
	{
		prefix: "gonum.org/",
		only:   []string{"runtime/sim/..."},
		why:    "statistics and plots are the simulator's; what serves does without",
	},
	{
		prefix: "go.opentelemetry.io/",
		only:   []string{"runtime/trace", "runtime/cmd/..."},
		why:    "tracing is a listener, not a dependency",
	},
}
