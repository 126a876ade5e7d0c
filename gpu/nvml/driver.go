//go:build cgo && linux && nvml

package nvml

import (
	"errors"
	"fmt"
	"sync"

	driver "github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Open initialises the driver's library. Errors: ErrNoLibrary, ErrNoDriver,
// ErrNoDevice. The caller closes what it gets.
func Open() (Monitor, error) { return open(driver.New()) }

// library is what is used of go-nvml, so that a test can put a mock in its place.
type library interface {
	Init() driver.Return
	Shutdown() driver.Return
	DeviceGetCount() (int, driver.Return)
	DeviceGetHandleByIndex(int) (driver.Device, driver.Return)
}

// monitor holds an initialised library. The mutex keeps Close from pulling the
// library away under a reader.
type monitor struct {
	mu  sync.Mutex
	lib library // nil once closed
}

func open(lib library) (Monitor, error) {
	switch ret := lib.Init(); ret {
	case driver.SUCCESS:
	case driver.ERROR_LIBRARY_NOT_FOUND:
		return nil, ErrNoLibrary
	case driver.ERROR_DRIVER_NOT_LOADED, driver.ERROR_NO_PERMISSION:
		return nil, fmt.Errorf("%w (%v)", ErrNoDriver, ret)
	default:
		return nil, fmt.Errorf("start NVML: %w", ret)
	}
	m := &monitor{lib: lib}
	n, ret := lib.DeviceGetCount()
	if ret == driver.SUCCESS && n > 0 {
		return m, nil
	}
	err := fmt.Errorf("count the cards: %w", ret)
	if ret == driver.SUCCESS {
		err = ErrNoDevice
	}
	return nil, errors.Join(err, m.Close())
}

func (m *monitor) Devices() ([]Device, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lib == nil {
		return nil, ErrClosed
	}
	n, ret := m.lib.DeviceGetCount()
	if ret != driver.SUCCESS {
		return nil, fmt.Errorf("count the cards: %w", ret)
	}
	var devices []Device
	var failed []error
	for i := range n {
		d, err := m.read(i)
		if err != nil {
			failed = append(failed, fmt.Errorf("card %d: %w", i, err))
			continue
		}
		devices = append(devices, d)
	}
	return devices, errors.Join(failed...)
}

// read reads one card. Name and memory every card has; utilisation and
// temperature are not reported by some, for example by parts of a divided card.
func (m *monitor) read(i int) (Device, error) {
	h, ret := m.lib.DeviceGetHandleByIndex(i)
	if ret != driver.SUCCESS {
		return Device{}, fmt.Errorf("open: %w", ret)
	}
	d := Device{Index: i, Utilization: Unknown, Temperature: Unknown}
	if d.Name, ret = h.GetName(); ret != driver.SUCCESS {
		return Device{}, fmt.Errorf("name: %w", ret)
	}
	if d.UUID, ret = h.GetUUID(); ret != driver.SUCCESS {
		return Device{}, fmt.Errorf("uuid: %w", ret)
	}
	memory, ret := h.GetMemoryInfo()
	if ret != driver.SUCCESS {
		return Device{}, fmt.Errorf("memory: %w", ret)
	}
	d.MemoryTotal, d.MemoryUsed = int64(memory.Total), int64(memory.Used)
	if u, ret := h.GetUtilizationRates(); ret == driver.SUCCESS {
		d.Utilization = int(u.Gpu)
	}
	if t, ret := h.GetTemperature(driver.TEMPERATURE_GPU); ret == driver.SUCCESS {
		d.Temperature = int(t)
	}
	return d, nil
}

func (m *monitor) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lib == nil {
		return nil
	}
	ret := m.lib.Shutdown()
	m.lib = nil
	if ret != driver.SUCCESS {
		return fmt.Errorf("stop NVML: %w", ret)
	}
	return nil
}
