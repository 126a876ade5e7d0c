// Package nvml reports what NVIDIA cards are doing: memory, utilisation and
// temperature. It reports; nothing is decided from it.
//
//	m, err := nvml.Open()
//	if err != nil {
//		// No card, driver or support in this build; err says which.
//	}
//	defer m.Close()
//	devices, err := m.Devices()
//
// # Builds
//
// The driver's library is reached through go-nvml, which needs cgo, compiles
// for several seconds with a page of warnings, and gives a binary that does not
// start under a linker set to bind at once (-z now). So it is asked for:
//
//	CGO_ENABLED=1 go build -tags nvml ./runtime/cmd/interlude
//
// Any other build compiles without it, and Open returns ErrNotBuilt.
//
// # Safety
//
// A call into the library after a failed initialisation kills the process.
// A Monitor exists only after a successful one, and makes no call once closed.
package nvml
