package toolcall

import "strings"

// shellBlocks gives the contents of the fenced blocks of a shell. A block whose
// fence is not closed goes to the end, as models stop there.
func shellBlocks(answer string) (blocks []string) {
	var fence string // of the block that is open
	var shell, console bool
	var block strings.Builder
	flush := func() {
		if script := block.String(); shell && strings.TrimSpace(script) != "" {
			if console {
				script = typed(script)
			}
			blocks = append(blocks, script)
		}
		block.Reset()
	}
	for line := range strings.Lines(answer) {
		marker, info := fenceOf(line)
		switch {
		case fence == "" && marker != "":
			fence = marker
			language, _, _ := strings.Cut(info, " ")
			language = strings.ToLower(language)
			console = language == "console" || language == "shell-session"
			shell = console || language == "bash" || language == "sh" || language == "shell" || language == "zsh"
		case fence != "" && info == "" && strings.HasPrefix(marker, fence):
			flush()
			fence = ""
		case fence != "":
			block.WriteString(line)
		}
	}
	if fence != "" {
		flush()
	}
	return blocks
}

// fenceOf splits a line that begins or ends a block; marker is "" for others.
func fenceOf(line string) (marker, info string) {
	line = strings.TrimSpace(line)
	rest := strings.TrimLeft(line, "`")
	if len(rest) == len(line) {
		rest = strings.TrimLeft(line, "~")
	}
	if len(line)-len(rest) < 3 || strings.Contains(rest, "`") {
		return "", ""
	}
	return line[:len(line)-len(rest)], strings.TrimSpace(rest)
}

// typed is what of a console was typed: what follows a prompt, if there are prompts.
func typed(console string) string {
	var commands strings.Builder
	for line := range strings.Lines(console) {
		for _, prompt := range []string{"$ ", "# ", "> ", "% "} {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), prompt); ok {
				commands.WriteString(command + "\n")
				break
			}
		}
	}
	if commands.Len() == 0 {
		return console
	}
	return commands.String()
}
