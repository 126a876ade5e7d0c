package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/interlude-run/interlude/gpu"
)

type versionCmd struct{}

// Run prints what this binary is made of.
func (versionCmd) Run() error {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	fmt.Printf("interlude %s%s\nengine    %s\nbuilt by  %s %s/%s\n", version, revision, gpu.Pinned(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
