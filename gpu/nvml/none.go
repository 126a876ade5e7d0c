//go:build !(cgo && linux && nvml)

package nvml

// Open returns ErrNotBuilt: this build has no NVML.
func Open() (Monitor, error) { return nil, ErrNotBuilt }
