package doctor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/interlude-run/interlude/gpu/nvml"
	"github.com/interlude-run/interlude/runtime/pull"
)

// What a device needs of the system, and how people call it.
var deviceLibraries = map[pull.Device][]struct{ library, what string }{
	pull.CUDA: {
		{"libcuda.so.1", "the NVIDIA driver"},
		{"libcudart.so.13", "the CUDA 13 runtime"},
		{"libcublas.so.13", "cuBLAS of CUDA 13"},
	},
	pull.Vulkan: {{"libvulkan.so.1", "the Vulkan loader"}},
}

var deviceAdvice = map[pull.Device]string{
	pull.CUDA:   "install the NVIDIA driver and CUDA 13 (libcudart.so.13, libcublas.so.13), and name their folder in LD_LIBRARY_PATH if they are not where the linker looks; in a container, pass the card in (--gpus all)",
	pull.Vulkan: "install the Vulkan loader (Debian, Ubuntu: libvulkan1) and the card's Vulkan driver",
}

// Missing lists what a device needs and this machine lacks, for people; empty
// means that it can be tried.
func Missing(d pull.Device) []string { return thisMachine().missing(d) }

// Auto is the device to take when the user leaves the choice, and why: CUDA
// where there is a card and all it needs, else the CPU. Vulkan has to be asked
// for, because its loader may lead to nothing but a processor.
func Auto() (pull.Device, string) { return thisMachine().auto() }

func (m machine) auto() (pull.Device, string) {
	if m.arch != "amd64" {
		return pull.CPU, "the prebuilt engine for CUDA is for linux/amd64"
	}
	if !exists(m.path("/dev/nvidia0")) && !exists(m.path("/dev/dxg")) {
		return pull.CPU, "no NVIDIA card is visible"
	}
	if missing := m.missing(pull.CUDA); len(missing) > 0 {
		return pull.CPU, "CUDA lacks " + strings.Join(missing, ", ")
	}
	return pull.CUDA, "an NVIDIA card with its driver and CUDA 13 is there"
}

func (m machine) missing(d pull.Device) []string {
	var missing []string
	for _, l := range deviceLibraries[d] {
		if m.find(l.library) == "" {
			missing = append(missing, fmt.Sprintf("%s (%s)", l.what, l.library))
		}
	}
	return missing
}

// device checks the libraries of one device; that they are missing matters only
// when the device is wanted.
func (m machine) device(d pull.Device, wanted bool) Check {
	c := Check{Name: string(d)}
	missing := m.missing(d)
	if len(missing) == 0 {
		c.Found = "all libraries are found: --device " + string(d) + " can be tried"
		return c
	}
	c.Found = "not found: " + strings.Join(missing, ", ")
	if wanted {
		c.Status = Fail
		c.Do = deviceAdvice[d]
	}
	return c
}

// nvidia reports the cards. Their figures are a comfort, so no outcome fails.
func (m machine) nvidia(wanted pull.Device) Check {
	c := Check{Name: "nvml"}
	monitor, err := nvml.Open()
	if err != nil {
		c.Found = err.Error()
		if wanted == pull.CUDA || (errors.Is(err, nvml.ErrNoDriver) && exists(m.path("/dev/nvidia0"))) {
			c.Status = Warn
			c.Do = "without NVML the engine runs, and the card's memory, utilisation and temperature are not reported"
		}
		return c
	}
	defer monitor.Close()
	devices, err := monitor.Devices()
	var lines []string
	for _, d := range devices {
		lines = append(lines, d.String())
	}
	c.Found = strings.Join(lines, "; ")
	if err != nil {
		c.Status = Warn
		c.Found = strings.TrimPrefix(c.Found+"; "+err.Error(), "; ")
		c.Do = "look at `nvidia-smi` and the kernel's log"
	}
	return c
}
