package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/interlude-run/interlude/gpu"
)

type versionCmd struct {
	jsonFlag `embed:""`
}

// versions are those of what this binary is made of.
type versions struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Engine   string `json:"engine"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints what this binary is made of.
func (c *versionCmd) Run() error {
	v := &versions{Version: "(devel)", Engine: gpu.Pinned(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	return c.print(v, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "interlude %s\nengine    %s\nbuilt by  %s %s\n", strings.TrimSpace(v.Version+" "+v.Revision), v.Engine, v.Go, v.Platform)
		return err
	})
}
