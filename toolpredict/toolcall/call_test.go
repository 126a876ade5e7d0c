package toolcall_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/interlude-run/interlude/toolpredict/toolcall"
)

// TestShellCommands names commands as agents write them.
func TestShellCommands(t *testing.T) {
	for _, c := range []struct{ command, tool, class string }{
		{"ls -la tests/filtered_relation", "ls", ""},
		{"grep -n \"class ManagementUtility\" django/core/management/__init__.py", "grep", ""},
		{"git -C /repo status --short", "git", "status"},
		{"git log --oneline | head -5", "git", "log"},
		{"cd /testbed && python -m pytest tests -x -q 2>&1 | tail -20", "pytest", ""},
		{"python3.11 -W ignore -m pytest", "pytest", ""},
		{"python3 -m reproduce_issue.pkg.subpkg.module runserver", "python", "module"},
		{"python reproduce_issue.py", "python", "script"},
		{"python3 -c 'import os; print(os)'", "python", "inline"},
		{"python3 - <<'EOF'\nimport sys; rm -rf /\nEOF", "python", "stdin"},
		{"export PYTHONPATH=$PYTHONPATH:$(pwd)\ncd reproduce_issue\npython3 manage.py makemigrations myapp\npython3 manage.py migrate\n", "manage.py", "migrate"},
		{"cat <<'EOF' > reproduce_issue.py\nimport os && pytest\nEOF\npython reproduce_issue.py", "python", "script"},
		{"cat <<'EOF' > a.py\nprint(1)\nEOF", "cat", ""},
		{"# look first\nset -e\nCI=1 DEBUG=0 make -j8 test", "make", "test"},
		{"sudo -u build env A=b timeout -s KILL 60 nice -n 10 cargo build --release", "cargo", "build"},
		{"bash -lc 'cd x && go test ./...'", "go", "test"},
		{"bash run.sh", "bash", "script"},
		{"./tests/runtests.py admin_views", "runtests.py", ""},
		{"./test_issue_17.sh", "script", "sh"},
		{"/usr/bin/git diff", "git", "diff"},
		{"venv/bin/python x.py", "python", "script"},
		{"npm run build && echo done", "npm", "build"},
		{"npx jest --ci", "jest", ""},
		{"uv run --frozen pytest", "pytest", ""},
		{"uv sync", "uv", "sync"},
		{"pip3 install -e . && ls", "pip", "install"},
		{"pytest; cat log.txt", "pytest", ""},
		{"for f in *.c; do gcc -c $f; done", "gcc", ""},
		{"if [ -f Makefile ]; then make; fi", "make", ""},
		{"find . -name '*.py' | xargs grep -n foo", "find", ""},
		{"cat a && ls", "ls", ""},
		{"source venv/bin/activate", "source", ""},
		{"python -m http.server 8000 &\nsleep 1 && curl localhost:8000", "curl", ""},
		{"node server.js &", "node", "&"},
		{"export A=1", "export", ""},
		{"$RUNNER x", "other", ""},
		{"frobnicate-123456 --now", "other", ""},
		{"git $(cat sub)", "git", ""},
		{"echo 'unterminated", "echo", ""},
		{"A=1 pytest 'unterminated", "pytest", ""},
		{"git status\nfor do done", "git", "status"},
	} {
		arguments, err := json.Marshal(map[string]string{"command": c.command})
		if err != nil {
			t.Fatal(err)
		}
		want := toolcall.Call{Tool: c.tool, Class: c.class}
		if got := toolcall.FromFunction("bash", arguments); got != want {
			t.Errorf("%s\n\tis %+v, want %+v", c.command, got, want)
		}
		if got, ok := toolcall.FromText("THOUGHT: now.\n\n```bash\n" + c.command + "\n```"); !ok || got != want {
			t.Errorf("in a text: %s\n\tis %+v, want %+v", c.command, got, want)
		}
	}
}

// TestFunctions names function calls.
func TestFunctions(t *testing.T) {
	for _, c := range []struct {
		name, arguments string
		want            toolcall.Call
	}{
		{"Read", `{"file_path":"/a"}`, toolcall.Call{Tool: "Read"}},
		{"Bash", `{"command":"git status","description":"x"}`, toolcall.Call{Tool: "git", Class: "status"}},
		{"run_command", `{"cmd":"git push"}`, toolcall.Call{Tool: "git", Class: "push"}},
		{"mcp__term__exec", `{"script":"make all"}`, toolcall.Call{Tool: "make", Class: "all"}},
		{"container.exec", `{"cmd":["bash","-lc","npm test"]}`, toolcall.Call{Tool: "npm", Class: "test"}},
		{"shell", `{"command":["git","fetch","--all"]}`, toolcall.Call{Tool: "git", Class: "fetch"}},
		{"bash", `{"command":7}`, toolcall.Call{Tool: "bash"}},
		{"bash", `{"command":"  # nothing"}`, toolcall.Call{Tool: "bash"}},
		{"bash", `{"command":"git`, toolcall.Call{Tool: "bash"}},
		{"str_replace_editor", `{"command":"view","path":"/a"}`, toolcall.Call{Tool: "str_replace_editor", Class: "view"}},
		{"Task", `{"subagent_type":"Explore","prompt":"…"}`, toolcall.Call{Tool: "Task", Class: "Explore"}},
		{"notes", `{"command":"remember 1234"}`, toolcall.Call{Tool: "notes"}},
		{"AskUserQuestion", `{"question":"?"}`, toolcall.Call{Tool: "AskUserQuestion", Human: true}},
		{"a\x00b\xffc\n", ``, toolcall.Call{Tool: "abc"}},
		{strings.Repeat("é", 40), `null`, toolcall.Call{Tool: strings.Repeat("é", 32)}},
	} {
		if got := toolcall.FromFunction(c.name, []byte(c.arguments)); got != c.want {
			t.Errorf("%s(%s)\n\tis %+v, want %+v", c.name, c.arguments, got, c.want)
		}
	}
}

// TestTexts finds the shell's blocks among others.
func TestTexts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       toolcall.Call
		ok         bool
	}{
		{"nothing fenced", "I have run `git status`.", toolcall.Call{}, false},
		{"another language", "```python\nimport os\n```", toolcall.Call{}, false},
		{"no language", "```\ngit status\n```", toolcall.Call{}, false},
		{"an empty block", "```bash\n\n```", toolcall.Call{}, false},
		{"behind another language", "```python\nx\n```\nso\n```sh\ngit add .\n```", toolcall.Call{Tool: "git", Class: "add"}, true},
		{"two blocks", "```sh\ngo build ./...\n```\nthen\n```shell\ncat out\n```", toolcall.Call{Tool: "go", Class: "build"}, true},
		{"not closed", "```bash\ngit pull", toolcall.Call{Tool: "git", Class: "pull"}, true},
		{"a fence in a longer one", "````bash\ncat <<'E'\n```\nE\nmake\n````", toolcall.Call{Tool: "make"}, true},
		{"a console", "```console\n$ go vet ./...\nvet: ok\n```", toolcall.Call{Tool: "go", Class: "vet"}, true},
		{"indented, carriage returns", "  ~~~Bash title=x\r\ngit gc\r\n  ~~~\r\n", toolcall.Call{Tool: "git", Class: "gc"}, true},
	} {
		if got, ok := toolcall.FromText(c.text); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

// TestOutstanding answers calls out of their order.
func TestOutstanding(t *testing.T) {
	git, read, ask := toolcall.Call{Tool: "git", Class: "log"}, toolcall.Call{Tool: "Read"}, toolcall.Call{Tool: "ask_user", Human: true}
	var o toolcall.Outstanding
	if got := o.Call(); got != (toolcall.Call{}) {
		t.Errorf("nothing outstanding is %+v", got)
	}
	o.Add("1", git)
	o.Add("2", read)
	o.Add("2", ask)
	if got, want := o.Call(), (toolcall.Call{Tool: "Read+ask_user+git", Class: "log", Human: true}); got != want {
		t.Errorf("all are %+v, want %+v", got, want)
	}
	for _, step := range []struct {
		id   string
		want toolcall.Call
		ok   bool
		left int
	}{
		{"2", read, true, 2},
		{"3", toolcall.Call{}, false, 2},
		{"2", ask, true, 1},
		{"2", toolcall.Call{}, false, 1},
		{"1", git, true, 0},
	} {
		if got, ok := o.Answer(step.id); got != step.want || ok != step.ok || o.Len() != step.left {
			t.Errorf("Answer(%s) = %+v, %v, and %d left; want %+v, %v, %d", step.id, got, ok, o.Len(), step.want, step.ok, step.left)
		}
	}
	for _, name := range []string{"d", "c", "b", "a"} {
		o.Add(name, toolcall.Call{Tool: name})
	}
	if got := o.Call(); got != (toolcall.Call{Tool: "many"}) {
		t.Errorf("four tools are %+v", got)
	}
}

// FuzzCalls has any name, arguments and text give labels within their bounds, the
// same each time.
func FuzzCalls(f *testing.F) {
	f.Add("bash", `{"command":"cd a && timeout 5 python3 -m pytest | tail"}`, "```sh\nbash -c \"bash -c 'ls'\" &\n```")
	f.Add("x\xff", `{"cmd":["sudo"]}`, "```console\n$ env\n$ git -C\n")
	f.Add("shell", `{"command":"python -m"}`, "~~~sh\n[[ a ]] && $((1)) `x` <<E\n")
	f.Fuzz(func(t *testing.T, name, arguments, text string) {
		call := toolcall.FromFunction(name, []byte(arguments))
		within(t, call)
		command, err := json.Marshal(map[string]string{"command": text})
		if err != nil {
			t.Fatal(err)
		}
		within(t, toolcall.FromFunction("bash", command))
		said, ok := toolcall.FromText(text)
		within(t, said)
		if again, okAgain := toolcall.FromText(text); again != said || okAgain != ok {
			t.Fatalf("%+v, %v and then %+v, %v", said, ok, again, okAgain)
		}
		var o toolcall.Outstanding
		o.Add("", call)
		o.Add("", said)
		within(t, o.Call())
	})
}

// TestNestingIsBounded gives what nests deeper than any command that is meant.
func TestNestingIsBounded(t *testing.T) {
	for _, open := range []string{"(", "{ ", "$(", "((", "$((", "`", "! ", "[[ (", "if ", "a=(", "${x:-", "\"$(", "while ", "bash -c ", "sudo ", "case x in x) ", "a|", "f() "} {
		script := strings.Repeat(open, 1<<20/len(open))
		if got, ok := toolcall.FromText("```sh\n" + script + "\n```"); ok {
			within(t, got)
		}
	}
}

func within(t *testing.T, c toolcall.Call) {
	t.Helper()
	for _, label := range []string{c.Tool, c.Class} {
		if len(label) > toolcall.MaxLabel || !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl) {
			t.Fatalf("the label %q is out of bounds", label)
		}
	}
}
