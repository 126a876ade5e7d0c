package toolcall

// This file is what is known of programs by their names.

// preparing ones change the shell or write a line, and are over at once.
var preparing = setOf(".", ":", "[", "alias", "cd", "declare", "echo", "exit", "export", "false", "local", "popd", "printf",
	"pushd", "pwd", "readonly", "return", "set", "shopt", "source", "test", "trap", "true", "typeset", "ulimit", "umask",
	"unset")

// looking ones read files or move them, and are over in milliseconds, mostly.
var looking = setOf("awk", "basename", "cat", "chmod", "cp", "cut", "date", "diff", "dirname", "du", "egrep", "env",
	"fgrep", "file", "grep", "head", "hexdump", "jq", "less", "ln", "ls", "mkdir", "mv", "nl", "od", "patch", "printenv",
	"ps", "readlink", "realpath", "rm", "rmdir", "sed", "seq", "sort", "stat", "tail", "tee", "touch", "tr", "tree", "uniq",
	"wc", "which", "whoami", "xxd")

// wrapper is a program that starts the one behind its options.
type wrapper struct {
	takes    string // options with a value
	operands int    // of its own, before the command
}

var wrappers = map[string]wrapper{
	"builtin": {}, "chronic": {}, "command": {}, "doas": {takes: "uC"}, "env": {takes: "uC"}, "exec": {takes: "a"},
	"ionice": {takes: "cn"}, "nice": {takes: "n"}, "nohup": {}, "setsid": {}, "stdbuf": {takes: "ioe"},
	"sudo": {takes: "ugpChT"}, "time": {takes: "fo"}, "timeout": {takes: "sk", operands: 1}, "xargs": {takes: "adEILnPs"},
	"npx": {takes: "p"}, "bunx": {}, "uvx": {},
}

// runners are programs with subcommands that start another program.
var runners = map[string][]string{
	"bundle": {"exec"}, "conda": {"run"}, "hatch": {"run"}, "pdm": {"run"}, "pipenv": {"run"}, "pnpm": {"exec", "dlx"},
	"poetry": {"run"}, "rye": {"run"}, "uv": {"run"}, "coverage": {"run"},
}

// shells run the script behind -c.
var shells = setOf("bash", "dash", "sh", "zsh")

// interpreters run scripts, of which each project and each agent has its own.
var interpreters = setOf("Rscript", "bash", "bun", "dash", "deno", "ipython", "node", "perl", "php", "python", "ruby", "sh",
	"ts-node", "tsx", "zsh")

// scripts are the extensions of files that agents write and run, and wellKnown those
// of such files that many projects have.
var (
	scripts   = setOf(".bash", ".bat", ".js", ".mjs", ".php", ".pl", ".ps1", ".py", ".rb", ".sh", ".ts")
	wellKnown = setOf("manage.py", "runtests.py", "setup.py")
)

// subcommands are the programs that do what their first operand says; the values are
// their options with a value before it.
var subcommands = map[string]string{
	"apt": "o", "apt-get": "o", "brew": "", "bun": "", "cargo": "C", "conda": "n", "docker": "H", "docker-compose": "f",
	"dotnet": "", "gh": "R", "git": "Cc", "go": "C", "gradle": "p", "gradlew": "p", "helm": "n", "hg": "R", "kubectl": "n",
	"make": "Cf", "manage.py": "", "mvn": "f", "npm": "C", "pdm": "p", "pip": "", "pipenv": "", "pnpm": "C", "poetry": "C",
	"setup.py": "", "svn": "", "swift": "", "systemctl": "", "terraform": "", "uv": "", "yarn": "",
}
