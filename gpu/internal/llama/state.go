package llama

import (
	"fmt"
	"unsafe"
)

// stateFuncs move the cells of one sequence in and out of a context.
type stateFuncs struct {
	size func(c context, seq int32) uint64                               `c:"llama_state_seq_get_size"`
	get  func(c context, dst unsafe.Pointer, n uint64, seq int32) uint64 `c:"llama_state_seq_get_data"`
	set  func(c context, src unsafe.Pointer, n uint64, seq int32) uint64 `c:"llama_state_seq_set_data"`
}

// Duplicate gives dst cells of its own with the contents of src's.
func (c *Context) Duplicate(src, dst int) error { return c.CopyTo(c, src, dst) }

// CopyTo gives sequence dst of another context of the model the contents of src. Both
// contexts have one cache for all sequences, or both as many as the other.
func (c *Context) CopyTo(to *Context, src, dst int) error {
	var f stateFuncs
	if err := c.lib.ggml.Llama(&f); err != nil {
		return err
	}
	data := make([]byte, f.size(c.handle, int32(src)))
	if len(data) == 0 {
		return fmt.Errorf("copy sequence %d: it has no state", src)
	}
	n := f.get(c.handle, unsafe.Pointer(&data[0]), uint64(len(data)), int32(src))
	if f.set(to.handle, unsafe.Pointer(&data[0]), n, int32(dst)) == 0 {
		return fmt.Errorf("copy sequence %d to %d: %w", src, dst, ErrNoCells)
	}
	return nil
}
