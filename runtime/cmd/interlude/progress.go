package main

import (
	"fmt"
	"os"

	"github.com/cheggaaa/pb/v3"
	"github.com/mattn/go-isatty"
)

// progress shows how far something is: a bar on a terminal, elsewhere a line for each
// tenth.
func progress(what, things string) (report func(done, of int), end func()) {
	if !isatty.IsTerminal(os.Stderr.Fd()) {
		return func(done, of int) {
			if done*10/of > (done-1)*10/of {
				fmt.Fprintf(os.Stderr, "%s: %d of %d %s\n", what, done, of, things)
			}
		}, func() {}
	}
	bar := pb.New(0).SetWriter(os.Stderr).SetTemplateString(what + ` {{counters . }} {{bar . }} {{etime . }}`)
	bar.Start()
	return func(done, of int) { bar.SetTotal(int64(of)).SetCurrent(int64(done)) }, func() { bar.Finish() }
}
