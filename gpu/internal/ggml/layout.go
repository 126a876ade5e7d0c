package ggml

import (
	"fmt"
	"math"
	"strings"
	"unsafe"
)

// verifyLayouts creates tensors whose fields are known and compares what the Go
// mirrors read with what they must be. It runs once, before anything else
// trusts a mirror.
func (l *Lib) verifyLayouts() error {
	var wrong []string
	expect := func(what string, got, want int64) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s is %d, expected %d", what, got, want))
		}
	}
	expect("sizeof(ggml_tensor)", int64(l.TensorOverhead())-32, int64(unsafe.Sizeof(Tensor{})))
	ctx := l.Init(InitParams{MemSize: 64 << 10, NoAlloc: true})
	if ctx == 0 {
		return fmt.Errorf("%w: ggml_init refused its parameters", ErrMismatch)
	}
	defer l.Free(ctx)

	a := l.NewTensor3(ctx, Q8_0, 64, 5, 7)
	expect("type", int64(a.Type), int64(Q8_0))
	expect("ne[2]", a.Ne[2], 7)
	expect("nb[0]", int64(a.Nb[0]), 34)
	expect("nb[1]", int64(a.Nb[1]), 68)
	expect("nb[2]", int64(a.Nb[2]), 68*5)

	v := l.View2(ctx, a, 64, 3, 136, 68)
	expect("view_offs", int64(v.ViewOffs), 68)
	expect("view nb[1]", int64(v.Nb[1]), 136)
	if v.ViewSrc != a {
		wrong = append(wrong, "view_src is not the viewed tensor")
	}

	q := l.NewTensor3(ctx, F32, 64, 3, 5)
	pos := l.NewTensor1(ctx, I32, 5)
	r := l.RoPE(ctx, q, pos, nil, 64, 2, 4096, 10000, 0.25, 0, 1, 32, 1)
	if r.Src[0] != q || r.Src[1] != pos || r.Src[2] != nil {
		wrong = append(wrong, "src of rope")
	}
	expect("rope dims", int64(r.OpParams[1]), 64)
	expect("rope mode", int64(r.OpParams[2]), 2)
	expect("rope freq_base", int64(r.OpParams[5]), int64(math.Float32bits(10000)))
	expect("rope freq_scale", int64(r.OpParams[6]), int64(math.Float32bits(0.25)))

	l.SetName(r, "probe")
	expect("name", int64(strings.Compare(GoString(&r.Name[0]), "probe")), 0)
	l.SetOutput(r)
	expect("flags", int64(r.Flags), 2)

	t := l.Traits(Q4_1)
	expect("traits block", t.BlockSize, 32)
	expect("traits size", int64(t.TypeSize), 20)
	expect("sizeof(ggml_threadpool_params)", int64(unsafe.Sizeof(ThreadpoolParams{})), 528)
	if len(wrong) > 0 {
		return fmt.Errorf("%w: struct layouts differ: %s", ErrMismatch, strings.Join(wrong, "; "))
	}
	return nil
}
