package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/interlude-run/interlude/examples/codereview"
	"github.com/interlude-run/interlude/sdk"
)

type demoCmd struct {
	engineFlags `embed:""`
	Dir         string `help:"Source tree that the agents examine." type:"existingdir" default:"."`
	Words       int    `help:"Most tokens of an answer." default:"48"`
	JSON        bool   `help:"Print the figures as one JSON object." name:"json"`
}

// Run starts a node of its own, has the workflow done twice, and compares.
func (c *demoCmd) Run(ctx context.Context) error {
	o, err := c.obtain(ctx)
	if err != nil {
		return err
	}
	return c.ownNode(ctx, o, "warn", 256, func(ctx context.Context, h *host, client *sdk.Client) error { return c.compare(ctx, h, client, o) })
}

// compare has the workflow done with reuse between turns and without.
func (c *demoCmd) compare(ctx context.Context, h *host, client *sdk.Client, o *obtained) error {
	fmt.Fprintf(os.Stderr, `
Three agents examine %s: a scout and a reader at the same time, then a writer
with what they hand over. The tools and their output are real. Which tool comes
next is the example's choice, not the model's: a model of this size cannot be
trusted with it. What the agents say is the model's, and worth what it is.

%s, %d threads; turns over NATS at %s

`, c.Dir, h.engine.Device(), h.engine.Threads(), h.url)
	if err := warmUp(ctx, client); err != nil {
		return err
	}
	review := codereview.Options{Dir: c.Dir, MaxTokens: c.Words}

	screen := newScreen(os.Stderr)
	review.Run, review.Events = "reuse", screen
	with, err := codereview.Review(ctx, client, review)
	if err != nil {
		return err
	}

	fmt.Fprint(os.Stderr, "\nThe same once more, every turn computing its whole context anew ")
	review.Run, review.Events, review.NoReuse = "anew", dots{os.Stderr}, true
	without, err := codereview.Review(ctx, client, review)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return err
	}

	found := comparison{
		Device: h.engine.Device(), Threads: h.engine.Threads(), Model: o.model.Path,
		Reuse: figuresOf(with), Anew: figuresOf(without),
	}.rated()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(found)
	}
	return found.print(os.Stdout)
}

// warmUp has one turn computed, so that neither run pays for the first touch of
// the weights.
func warmUp(ctx context.Context, client *sdk.Client) error {
	answer, err := client.Program("warm-up").Turn(ctx, sdk.Turn{
		Messages: []sdk.Message{sdk.User(strings.Repeat("What is a source tree? ", 60))},
		Sampling: sdk.Sampling{MaxTokens: 4},
		Last:     true,
	})
	if err != nil {
		return err
	}
	_, err = answer.Result(ctx)
	return err
}
