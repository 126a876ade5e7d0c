package nvml

import (
	"errors"
	"fmt"
)

var (
	// ErrNotBuilt: this binary was built without NVML.
	ErrNotBuilt = errors.New("this build has no NVML: build with CGO_ENABLED=1 and -tags nvml on linux")
	// ErrNoLibrary: libnvidia-ml.so.1 is not installed. It comes with the driver.
	ErrNoLibrary = errors.New("the NVIDIA driver is not installed: libnvidia-ml.so.1 was not found")
	// ErrNoDriver: the library is there, the kernel's driver does not answer.
	ErrNoDriver = errors.New("the NVIDIA driver does not answer: is the kernel module loaded, and are the devices visible here?")
	// ErrNoDevice: the driver answers and sees no card.
	ErrNoDevice = errors.New("the NVIDIA driver sees no card")
	// ErrClosed: the Monitor has been closed.
	ErrClosed = errors.New("the NVML monitor is closed")
)

// Monitor reads the cards of this machine. It may be used from several
// goroutines.
type Monitor interface {
	// Devices reads every card now. A card that fails is left out and its
	// error joined to the result, so the others are still reported.
	Devices() ([]Device, error)
	// Close gives the library back. Later calls return ErrClosed.
	Close() error
}

// Device is one card at one moment.
type Device struct {
	Index       int    `json:"index"`
	Name        string `json:"name"`
	UUID        string `json:"uuid"`
	MemoryTotal int64  `json:"memory_total_bytes"`
	MemoryUsed  int64  `json:"memory_used_bytes"`
	// What a card does not report is Unknown.
	Utilization int `json:"utilization_percent"` // share of the last sample period in which a kernel ran
	Temperature int `json:"temperature_celsius"`
}

// Unknown stands for what a card does not report.
const Unknown = -1

// String is one line for people.
func (d Device) String() string {
	s := fmt.Sprintf("%d: %s, %.1f of %.1f GB used", d.Index, d.Name, float64(d.MemoryUsed)/1e9, float64(d.MemoryTotal)/1e9)
	if d.Utilization != Unknown {
		s += fmt.Sprintf(", %d%% busy", d.Utilization)
	}
	if d.Temperature != Unknown {
		s += fmt.Sprintf(", %d °C", d.Temperature)
	}
	return s
}
