package core

import (
	"container/list"
	"iter"
)

// latest is a table that keeps what was asked for last: names come from clients, and there is
// no end to them. The zero latest is empty.
type latest[K comparable, V any] struct {
	of    map[K]*list.Element
	order list.List // of *named[K, V], the one asked for last is last
}

type named[K comparable, V any] struct {
	name  K
	value V
}

// get gives the value of the name, made when it is first asked for. Where there are more than
// so many then, the one that was not asked for for longest is dropped.
func (l *latest[K, V]) get(name K, most int, fresh func() V) *V {
	if e := l.of[name]; e != nil {
		l.order.MoveToBack(e)
		return &e.Value.(*named[K, V]).value
	}
	if l.of == nil {
		l.of = map[K]*list.Element{}
	}
	n := &named[K, V]{name, fresh()}
	l.of[name] = l.order.PushBack(n)
	if len(l.of) > most {
		delete(l.of, l.order.Remove(l.order.Front()).(*named[K, V]).name)
	}
	return &n.value
}

// all gives every value, in the order in which they were asked for.
func (l *latest[K, V]) all() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for e := l.order.Front(); e != nil; e = e.Next() {
			if n := e.Value.(*named[K, V]); !yield(n.name, &n.value) {
				return
			}
		}
	}
}
