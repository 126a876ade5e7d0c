// Package toolcall names the tool calls of an agent, so that calls which take
// alike long are counted together.
//
// A model's answer calls tools in one of two ways. [FromFunction] names a function
// call, from the function's name and its arguments; [FromText] names what is in the
// fenced shell blocks of an answer in plain text.
//
//	{"name":"Read","arguments":"{\"path\":…}"}                        Read
//	{"name":"bash","arguments":"{\"command\":\"cd a && git log\"}"}   git    log
//	{"name":"str_replace_editor","arguments":"{\"command\":\"view\"}"} str_replace_editor view
//	```bash
//	export CI=1; timeout 60 python3 -m pytest -q | tail -5            pytest
//	```
//
// [Outstanding] holds the calls of an answer until their results are there, and
// says by a result's ID which call it answers.
//
// # Which part of a shell command counts
//
// A command takes as long as all of its parts, and mostly as long as one of them. The
// parts are what stands between &&, ||, ;, | and newlines, within loops and branches
// too. Of these the last one counts that is not a look at files (cat, ls, grep …); if
// all are, the last of them; and if there is only preparation (cd, export, echo …)
// or what runs in the background, the last of that. What only starts another command
// (sudo, timeout 60, env A=b, uv run, bash -c '…', python -m) is passed over.
//
// The tool is the command's name without its path, and the class its subcommand, for
// programs that have some. Names of files are no labels, but for the few that
// projects have in common, such as manage.py: agents make up others as they go.
//
// # Invariants
//
//   - A label is at most [MaxLabel] bytes of valid UTF-8 without control characters,
//     whatever a model has written.
//   - Labels from shell commands are words of letters, with few digits; all else is
//     "other". A model cannot make up labels without end by numbering its scripts.
//   - Arguments that are no JSON, and commands that are no shell, give a call with as
//     much as could be read, and no error: a prediction may be worse, and nothing else.
package toolcall
