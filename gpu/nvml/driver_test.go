//go:build cgo && linux && nvml

package nvml

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	driver "github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
)

// rack is a mock of eight cards. Card i uses i GB, is 10i+7 percent busy and
// has 40+i °C.
func rack() (*mock.Interface, []*mock.Device) {
	var cards []*mock.Device
	for i := range 8 {
		cards = append(cards, &mock.Device{
			GetNameFunc: func() (string, driver.Return) { return "A100", driver.SUCCESS },
			GetUUIDFunc: func() (string, driver.Return) { return fmt.Sprintf("GPU-%d", i), driver.SUCCESS },
			GetMemoryInfoFunc: func() (driver.Memory, driver.Return) {
				return driver.Memory{Total: 40e9, Used: uint64(i) * 1e9}, driver.SUCCESS
			},
			GetUtilizationRatesFunc: func() (driver.Utilization, driver.Return) {
				return driver.Utilization{Gpu: uint32(10*i + 7)}, driver.SUCCESS
			},
			GetTemperatureFunc: func(driver.TemperatureSensors) (uint32, driver.Return) {
				return uint32(40 + i), driver.SUCCESS
			},
		})
	}
	return &mock.Interface{
		InitFunc:                   func() driver.Return { return driver.SUCCESS },
		ShutdownFunc:               func() driver.Return { return driver.SUCCESS },
		DeviceGetCountFunc:         func() (int, driver.Return) { return len(cards), driver.SUCCESS },
		DeviceGetHandleByIndexFunc: func(i int) (driver.Device, driver.Return) { return cards[i], driver.SUCCESS },
	}, cards
}

func TestDevices(t *testing.T) {
	s, cards := rack()
	cards[1].GetTemperatureFunc = func(driver.TemperatureSensors) (uint32, driver.Return) {
		return 0, driver.ERROR_NOT_SUPPORTED
	}
	cards[2].GetMemoryInfoFunc = func() (driver.Memory, driver.Return) {
		return driver.Memory{}, driver.ERROR_GPU_IS_LOST
	}
	m, err := open(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Devices()
	if !errors.Is(err, driver.ERROR_GPU_IS_LOST) || !strings.Contains(err.Error(), "card 2") {
		t.Errorf("got %v, want card 2 to be lost", err)
	}
	if len(got) != 7 {
		t.Fatalf("got %d cards, want the 7 that answer", len(got))
	}
	want := Device{Index: 3, Name: "A100", UUID: "GPU-3", MemoryTotal: 40e9, MemoryUsed: 3e9, Utilization: 37, Temperature: 43}
	if got[2] != want {
		t.Errorf("got %+v, want %+v", got[2], want)
	}
	if got[1].Temperature != Unknown || got[1].Utilization != 17 {
		t.Errorf("got %+v, want only the temperature unknown", got[1])
	}

	if err := m.Close(); err != nil {
		t.Error(err)
	}
	counted := len(s.DeviceGetCountCalls())
	if _, err := m.Devices(); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if len(s.DeviceGetCountCalls()) != counted || len(s.ShutdownCalls()) != 1 {
		t.Error("the library was called after it was given back")
	}
}

// A call after a failed Init would kill the process: none may be made.
func TestNoCallAfterAFailedInit(t *testing.T) {
	for ret, want := range map[driver.Return]error{
		driver.ERROR_LIBRARY_NOT_FOUND: ErrNoLibrary,
		driver.ERROR_DRIVER_NOT_LOADED: ErrNoDriver,
		driver.ERROR_NO_PERMISSION:     ErrNoDriver,
		driver.ERROR_UNKNOWN:           driver.ERROR_UNKNOWN,
	} {
		lib := &mock.Interface{InitFunc: func() driver.Return { return ret }} // any other call panics
		if m, err := open(lib); m != nil || !errors.Is(err, want) {
			t.Errorf("Init says %v: got %v, %v; want %v", ret, m, err, want)
		}
	}
}

func TestNoCard(t *testing.T) {
	s, _ := rack()
	s.DeviceGetCountFunc = func() (int, driver.Return) { return 0, driver.SUCCESS }
	if m, err := open(s); m != nil || !errors.Is(err, ErrNoDevice) {
		t.Errorf("got %v, %v; want ErrNoDevice", m, err)
	}
	if len(s.ShutdownCalls()) != 1 {
		t.Error("the library was not given back")
	}
}

// On a real machine: cards with plausible figures, or a plain word on why not.
func TestThisMachine(t *testing.T) {
	m, err := Open()
	_, card := os.Stat("/dev/nvidia0")
	if card != nil {
		if !errors.Is(err, ErrNoLibrary) && !errors.Is(err, ErrNoDriver) && !errors.Is(err, ErrNoDevice) {
			t.Errorf("without a card: got %v, %v", m, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	devices, err := m.Devices()
	if err != nil || len(devices) == 0 {
		t.Fatalf("got %v, %v", devices, err)
	}
	for _, d := range devices {
		if d.Name == "" || d.MemoryTotal <= 0 || d.MemoryUsed > d.MemoryTotal {
			t.Errorf("got %+v", d)
		}
	}
}
