package toolpredict

import (
	"container/heap"
	"container/list"
	"maps"
	"slices"
)

// cache keeps so many values, each for a tenant. When there are more, the tenant that has
// most of them loses the one that it has not used for longest: so whoever invents names
// takes the place of nobody who has fewer, and a tenant alone has it all.
type cache[V any] struct {
	size    int
	byKey   map[key]*entry[V]
	tenants map[string]*keeps[V]
	most    mostFirst[V]
}

type entry[V any] struct {
	key   key
	of    *keeps[V]
	place *list.Element
	value V
}

// keeps is what a tenant has in a cache.
type keeps[V any] struct {
	tenant string
	latest *list.List // of *entry[V], the one used last first
	at     int        // in the heap
}

func newCache[V any](size int) *cache[V] {
	return &cache[V]{size: size, byKey: map[key]*entry[V]{}, tenants: map[string]*keeps[V]{}}
}

// look gives the value of the key, nil when there is none, and changes nothing.
func (c *cache[V]) look(k key) *V {
	if e := c.byKey[k]; e != nil {
		return &e.value
	}
	return nil
}

// get gives the value of the key, which it makes for the tenant when there is none: zero,
// and not known. It stays where it is until another takes its place.
func (c *cache[V]) get(k key, tenant string) (v *V, known bool) {
	if e := c.byKey[k]; e != nil {
		e.of.latest.MoveToFront(e.place)
		return &e.value, true
	}
	of := c.tenants[tenant]
	if of == nil {
		of = &keeps[V]{tenant: tenant, latest: list.New()}
		c.tenants[tenant] = of
		heap.Push(&c.most, of)
	}
	e := &entry[V]{key: k, of: of}
	e.place = of.latest.PushFront(e)
	c.byKey[k] = e
	heap.Fix(&c.most, of.at)
	if len(c.byKey) > c.size {
		c.remove(c.most[0].latest.Back().Value.(*entry[V]).key)
	}
	return &e.value, false
}

// len is how many values there are.
func (c *cache[V]) len() int { return len(c.byKey) }

// all visits every value: the tenants by their names, of each the one used last last. Who gets
// them in this order into an empty cache has the same cache.
func (c *cache[V]) all(visit func(key, *V)) {
	for _, tenant := range slices.Sorted(maps.Keys(c.tenants)) {
		for e := c.tenants[tenant].latest.Back(); e != nil; e = e.Prev() {
			of := e.Value.(*entry[V])
			visit(of.key, &of.value)
		}
	}
}

func (c *cache[V]) remove(k key) {
	e := c.byKey[k]
	if e == nil {
		return
	}
	delete(c.byKey, k)
	e.of.latest.Remove(e.place)
	if e.of.latest.Len() > 0 {
		heap.Fix(&c.most, e.of.at)
		return
	}
	heap.Remove(&c.most, e.of.at)
	delete(c.tenants, e.of.tenant)
}

// mostFirst is a heap of tenants, those that keep most first.
type mostFirst[V any] []*keeps[V]

func (h mostFirst[V]) Len() int { return len(h) }

func (h mostFirst[V]) Less(i, j int) bool {
	if a, b := h[i].latest.Len(), h[j].latest.Len(); a != b {
		return a > b
	}
	return h[i].tenant < h[j].tenant
}

func (h mostFirst[V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *mostFirst[V]) Push(x any) {
	of := x.(*keeps[V])
	of.at = len(*h)
	*h = append(*h, of)
}

// Pop implements heap.Interface.
func (h *mostFirst[V]) Pop() any {
	last := len(*h) - 1
	of := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return of
}
