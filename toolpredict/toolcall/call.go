package toolcall

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Call is what a tool call is counted as.
type Call struct {
	Tool  string // a function's name, or a shell command's; "" when unknown
	Class string // what tells the calls of a tool apart: a subcommand; "" for none
	Human bool   // a person is asked
}

// MaxLabel is the length of the longest Tool or Class, in bytes.
const MaxLabel = 64

// FromFunction names a function call. The arguments are a JSON object. For functions
// that run a shell the call is what the shell runs; for others the class is their
// subcommand, if the arguments have one.
func FromFunction(name string, arguments []byte) Call {
	c := Call{Tool: label(name), Human: asksPerson[plainName(name)]}
	var args struct {
		Command  text `json:"command"`
		Cmd      text `json:"cmd"`
		Script   text `json:"script"`
		Action   text `json:"action"`
		Subagent text `json:"subagent_type"`
	}
	if json.Unmarshal(arguments, &args) != nil {
		return c
	}
	if runsShell[plainName(name)] {
		for _, command := range []text{args.Command, args.Cmd, args.Script} {
			if shell, ok := fromParts(command.parts()); ok {
				return shell
			}
		}
		return c
	}
	for _, class := range []text{args.Command, args.Action, args.Subagent} {
		if len(class) == 1 && isWord(class[0]) {
			c.Class = class[0]
			break
		}
	}
	return c
}

// FromText names what an answer in plain text would have a shell run: the blocks
// fenced as bash, sh, shell, zsh or console. It is false when there is none.
func FromText(answer string) (Call, bool) {
	var all []part
	for _, script := range shellBlocks(answer) {
		all = append(all, parts(script)...)
	}
	return fromParts(all)
}

// text is an argument that is a string, or a list of strings; anything else is
// ignored.
type text []string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(data []byte) error {
	var one string
	var list []string
	switch {
	case json.Unmarshal(data, &one) == nil && one != "":
		*t = text{one}
	case json.Unmarshal(data, &list) == nil:
		*t = list
	}
	return nil
}

// parts takes a string for a script and a list for the words of one command.
func (t text) parts() []part {
	switch len(t) {
	case 0:
		return nil
	case 1:
		return parts(t[0])
	}
	return []part{{words: t}}
}

// runsShell and asksPerson are functions' plain names, in agents that are in use.
var (
	runsShell = setOf("bash", "sh", "zsh", "shell", "local_shell", "shell_command", "run_shell_command", "execute_bash",
		"run_bash", "bash_command", "command", "run_command", "execute_command", "run_terminal_cmd", "run_terminal_command",
		"run_in_terminal", "terminal", "console", "exec", "exec_command", "execute", "execute_shell", "run_shell", "cmd")
	asksPerson = setOf("ask_user", "askuser", "askuserquestion", "ask_user_question", "ask_followup_question", "ask_human",
		"human", "human_input", "request_user_input", "user_input")
)

// plainName is the name in lower case, without the server or namespace that it is of.
func plainName(name string) string {
	if i := strings.LastIndex(name, "__"); i >= 0 {
		name = name[i+2:]
	}
	return strings.ToLower(name[strings.LastIndexAny(name, "./:")+1:])
}

// label makes a name fit for a label.
func label(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name[:min(len(name), 4*MaxLabel)])
	for len(name) > MaxLabel {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// isWord says whether s can be a label as it is.
func isWord(s string) bool { return len(s) <= 32 && word.MatchString(s) && !digits.MatchString(s) }

var (
	word   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._+:-]*$`)
	digits = regexp.MustCompile(`[0-9].*[0-9].*[0-9]`)
)

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
