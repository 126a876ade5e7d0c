package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// gatewayCmd serves HTTP without a node: in front of many, or on another machine.
type gatewayCmd struct {
	externalFlags `embed:""`
	httpFlags     `embed:""`
	MaxAge        time.Duration `help:"How long conversations are known: as long as the nodes keep turns." default:"168h" env:"INTERLUDE_MAX_AGE"`
	Drain         time.Duration `help:"How long running requests may go on after the first interrupt." default:"30s" env:"INTERLUDE_DRAIN"`
	LogLevel      string        `help:"What is logged to stderr: ${enum}." enum:"debug,info,warn,error" default:"info" env:"INTERLUDE_LOG_LEVEL"`
	JSON          bool          `help:"When all is served, print where as one JSON object." name:"json"`
	LogFormat     string        `help:"How: ${enum}." enum:"text,json" default:"text" env:"INTERLUDE_LOG_FORMAT"`
}

// Validate is called by kong.
func (c *gatewayCmd) Validate() error {
	switch {
	case c.NATS == "":
		return errors.New("a gateway needs --nats, the server of its nodes; a node has a gateway of its own")
	case c.HTTP.none:
		return errors.New("a gateway without --http serves nobody")
	}
	return nil
}

// Run serves until it is interrupted, then drains.
func (c *gatewayCmd) Run(ctx context.Context) error {
	log, err := newLogger(c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	front, err := c.httpFlags.open(ctx, conn, "default", c.MaxAge, log)
	if err != nil {
		return err
	}
	if err := c.announce(front); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return front.close(c.Drain)
	case err := <-front.served:
		return err
	}
}

// announce says where it is, to a person or a program.
func (c *gatewayCmd) announce(f *front) error {
	if c.JSON {
		return printLine(listening{NATS: c.NATS, HTTP: f.base()})
	}
	fmt.Fprintf(os.Stderr, "turns    %s\n", c.NATS)
	f.greet(c.HTTPKeys != "")
	return nil
}
