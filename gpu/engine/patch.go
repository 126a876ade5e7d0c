package engine

import "fmt"

// End is the length of a sequence after the item, where it was so long before: see
// package, Patches. Whether the cells that are overwritten are the sequence's own, and
// whether it has room, is for the engine to know.
func (it *Item) End(length int) (int, error) {
	if it.At == nil {
		return length + len(it.Tokens), nil
	}
	if len(it.At) != len(it.Tokens) {
		return 0, fmt.Errorf("%w: %d positions of %d tokens", ErrRange, len(it.At), len(it.Tokens))
	}
	end, last := length, -1
	for _, p := range it.At {
		switch {
		case p <= last:
			return 0, fmt.Errorf("%w: position %d after %d", ErrRange, p, last)
		case p > end:
			return 0, fmt.Errorf("%w: position %d, where %d is the next to be written", ErrRange, p, end)
		case p == end:
			end++
		}
		last = p
	}
	if (it.Sample || it.Logits) && end == length {
		return 0, fmt.Errorf("%w: logits of position %d, which is not appended; append the last token in this item", ErrRange, last)
	}
	return end, nil
}
