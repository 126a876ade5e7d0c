package main

import (
	"context"
	"fmt"
)

type pullCmd struct{ modelFlags }

// Run fetches what serve would.
func (c *pullCmd) Run(ctx context.Context) error {
	o, err := c.obtain(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("engine  %s (%s)\nmodel   %s\n", o.engine.Dir, o.engine.From, o.model.Path)
	return nil
}
