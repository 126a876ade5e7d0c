package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/interlude-run/interlude/runtime/doctor"
	"github.com/interlude-run/interlude/runtime/pull"
)

type doctorCmd struct {
	engineFlags `embed:""`
	jsonFlag    `embed:""`
}

// doctorReport is what it prints.
type doctorReport struct {
	Worst  doctor.Status  `json:"worst"`
	Checks []doctor.Check `json:"checks"`
}

// Run looks, fetches nothing, and fails where serving would.
func (c *doctorCmd) Run(ctx context.Context) error {
	p, err := pull.New(pull.Options{Verify: c.Verify})
	if err != nil {
		return err
	}
	kind := pull.Device(c.Device)
	if c.Device == "auto" {
		kind, _ = doctor.Auto()
	}
	checks := append(doctor.Run(ctx, doctor.Options{Puller: p, Device: kind, Model: c.Model}), c.tryEngine(p, kind))
	report := doctorReport{doctor.Worst(checks), checks}
	if err := c.print(report, func(out io.Writer) error { return doctor.Write(out, checks) }); err != nil {
		return err
	}
	if report.Worst == doctor.Fail {
		return errors.New("something is missing; see above")
	}
	return nil
}

// tryEngine opens the model for real, where all is in the cache.
func (c *doctorCmd) tryEngine(p *pull.Puller, kind pull.Device) doctor.Check {
	check := doctor.Check{Name: "compute", Status: doctor.Warn, Do: "interlude pull"}
	libs, err := p.CachedEngine(kind)
	if err != nil {
		check.Found = "not tried: the engine is not in the cache"
		return check
	}
	model, err := p.CachedModel(c.Model)
	if err != nil {
		check.Found = "not tried: the model is not in the cache"
		return check
	}
	e, err := c.open(&obtained{engine: libs, model: model, device: string(kind)})
	if err != nil {
		return doctor.Check{Name: check.Name, Status: doctor.Fail, Found: err.Error(), Do: "interlude pull --verify, or another --device or --model"}
	}
	defer e.Close()
	return doctor.Check{Name: check.Name, Status: doctor.OK, Found: fmt.Sprintf("%s, %d threads, weights %s", e.Device(), e.Threads(), e.Storage())}
}
