package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/interlude-run/interlude/runtime/pull"
)

// listCmd shows the models that are here.
type listCmd struct {
	askFlags `embed:""`
	jsonFlag `embed:""`
	Model    string `help:"The model that serve and run take by default." placeholder:"MODEL" env:"INTERLUDE_MODEL"`
}

// Help implements kong.HelpProvider.
func (*listCmd) Help() string {
	return "Shows the models in the cache, their size and where they came from, which one serve and run take where none is named, and which are loaded by a node that can be reached."
}

// listReport is what it prints.
type listReport struct {
	Models []listed `json:"models"`
}

type listed struct {
	Name    string   `json:"name"`
	Path    string   `json:"path"`
	Bytes   int64    `json:"bytes"`
	From    string   `json:"from"`
	Default bool     `json:"default"`
	Nodes   []string `json:"loaded_by"` // nodes
}

// Run lists the cache; that no node can be reached is nothing against it.
func (c *listCmd) Run(ctx context.Context) error {
	p, err := pull.New(pull.Options{})
	if err != nil {
		return err
	}
	models, err := p.CachedModels()
	if err != nil {
		return err
	}
	usual, _ := p.CachedModel(c.Model)
	r := &listReport{Models: []listed{}}
	loaded := c.loaded(ctx)
	for _, m := range models {
		r.Models = append(r.Models, listed{
			Name: m.Name, Path: m.Path, Bytes: m.Bytes, From: m.From, Default: m.Path == usual.Path, Nodes: append([]string{}, loaded[m.Name]...),
		})
	}
	return c.print(r, r.print)
}

// loaded says which nodes have which model, of those that can be reached at once.
func (c *listCmd) loaded(ctx context.Context) map[string][]string {
	by := map[string][]string{}
	nodes, err := c.programs(ctx, nats.Timeout(300*time.Millisecond))
	if err != nil {
		return by
	}
	for i := range nodes {
		by[nodes[i].Model] = append(by[nodes[i].Model], nodes[i].Node)
	}
	return by
}

func (r *listReport) print(out io.Writer) error {
	if len(r.Models) == 0 {
		_, err := fmt.Fprintln(out, "no model is here; `interlude pull` fetches the default")
		return err
	}
	t := rows{head: []string{"MODEL", "SIZE", "DEFAULT", "LOADED BY", "FROM"}}
	for _, m := range r.Models {
		usual, nodes := "-", "-"
		if m.Default {
			usual = "default"
		}
		if len(m.Nodes) > 0 {
			nodes = strings.Join(m.Nodes, ", ")
		}
		t.add(m.Name, pull.Size(m.Bytes), usual, nodes, m.From)
	}
	return t.print(out)
}
