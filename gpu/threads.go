package gpu

import (
	"fmt"
	"runtime"

	"github.com/interlude-run/interlude/gpu/internal/ggml"
)

// threads is the pool of compute threads of the CPU backend.
type threads struct {
	device *device
	pool   ggml.Threadpool
	most   int
}

func newThreads(d *device, o Options) (*threads, error) {
	t := &threads{device: d, most: o.Threads}
	if t.most == 0 {
		t.most = runtime.NumCPU()
	}
	if t.most < 0 || t.most > 512 {
		return nil, fmt.Errorf("%d threads; there can be 1 to 512", t.most)
	}
	if !d.host {
		return t, nil
	}
	t.pool = d.lib.ThreadpoolNew(&ggml.ThreadpoolParams{Threads: int32(t.most), Poll: 50})
	if t.pool == 0 {
		return nil, fmt.Errorf("no pool of %d threads", t.most)
	}
	d.lib.SetThreadpool(d.backend, t.pool)
	d.lib.SetThreads(d.backend, int32(t.most))
	return t, nil
}

func (t *threads) begin() {}
func (t *threads) end()   {}

func (t *threads) close() {
	if t.pool != 0 {
		t.device.lib.ThreadpoolFree(t.pool)
	}
}
