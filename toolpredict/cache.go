package toolpredict

import "container/list"

// cache keeps so many values; what has not been asked for longest makes room.
type cache[V any] struct {
	size  int
	byKey map[key]*list.Element // of order, with an *entry[V]
	order *list.List            // latest first
}

type entry[V any] struct {
	key   key
	value V
}

func newCache[V any](size int) *cache[V] {
	return &cache[V]{size: size, byKey: map[key]*list.Element{}, order: list.New()}
}

// get gives the value of the key, zero and not known when it is new. It stays where
// it is until another takes its place.
func (c *cache[V]) get(k key) (v *V, known bool) {
	if e := c.byKey[k]; e != nil {
		c.order.MoveToFront(e)
		return &e.Value.(*entry[V]).value, true
	}
	if c.order.Len() >= c.size {
		last := c.order.Back()
		delete(c.byKey, last.Value.(*entry[V]).key)
		c.order.Remove(last)
	}
	e := &entry[V]{key: k}
	c.byKey[k] = c.order.PushFront(e)
	return &e.value, false
}

func (c *cache[V]) remove(k key) {
	if e := c.byKey[k]; e != nil {
		delete(c.byKey, k)
		c.order.Remove(e)
	}
}
