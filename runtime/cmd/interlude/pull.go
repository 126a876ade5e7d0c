package main

import (
	"context"
	"fmt"
	"io"
)

type pullCmd struct {
	modelFlags `embed:""`
	jsonFlag   `embed:""`
}

// pulled is what is here now.
type pulled struct {
	Engine pulledPart `json:"engine"`
	Model  pulledPart `json:"model"`
}

type pulledPart struct {
	Name   string `json:"name,omitempty"`
	Path   string `json:"path"`
	From   string `json:"from"`
	SHA256 string `json:"sha256,omitempty"`
}

// Run fetches what serve would.
func (c *pullCmd) Run(ctx context.Context) error {
	o, err := c.obtain(ctx)
	if err != nil {
		return err
	}
	p := &pulled{
		Engine: pulledPart{Path: o.engine.Dir, From: o.engine.From},
		Model:  pulledPart{Name: o.model.Name, Path: o.model.Path, From: o.model.From, SHA256: o.model.SHA256},
	}
	return c.print(p, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "engine  %s (%s)\nmodel   %s\n", p.Engine.Path, p.Engine.From, p.Model.Path)
		return err
	})
}
