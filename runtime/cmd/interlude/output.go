package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/mattn/go-isatty"
)

// jsonFlag makes a command print for programs.
type jsonFlag struct {
	JSON bool `help:"Print one JSON object." name:"json"`
}

// print writes v as JSON, or as people read it.
func (f jsonFlag) print(v any, people func(io.Writer) error) error {
	if !f.JSON {
		return people(os.Stdout)
	}
	return printJSON(v)
}

// printLine writes v as one line of JSON.
func printLine(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// rows are printed as a table at a terminal; elsewhere with a tab between two cells, so that
// cut and awk can read them.
type rows struct {
	head []string
	body [][]string
}

func (r *rows) add(cells ...string) { r.body = append(r.body, cells) }

func (r *rows) print(out io.Writer) error {
	w := out
	var table *tabwriter.Writer
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		table = tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
		w = table
	}
	for _, line := range append([][]string{r.head}, r.body...) {
		if _, err := fmt.Fprintln(w, strings.Join(line, "\t")); err != nil {
			return err
		}
	}
	if table != nil {
		return table.Flush()
	}
	return nil
}
