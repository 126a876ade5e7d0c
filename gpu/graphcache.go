package gpu

// graphCache keeps the graphs of recent shapes; a new one takes the place of the
// one of its kind that has not been used for longest.
type graphCache struct {
	graphs map[string]*graph
	clock  uint64
}

// Every chunk of every prompt has a shape of its own, and most never come again:
// those of decodes, which do, are kept apart.
const (
	decodesKept    = 24
	positionedKept = 4
)

func newGraphCache() graphCache { return graphCache{graphs: map[string]*graph{}} }

func (c *graphCache) get(key []byte) *graph {
	g := c.graphs[string(key)]
	if g != nil {
		c.clock++
		g.lastUse = c.clock
	}
	return g
}

func (c *graphCache) put(key []byte, g *graph) {
	kind, kept := g.shape.positioned(), decodesKept
	if kind {
		kept = positionedKept
	}
	n, oldest := 0, ""
	for k, v := range c.graphs {
		if v.shape.positioned() != kind {
			continue
		}
		n++
		if o := c.graphs[oldest]; o == nil || v.lastUse < o.lastUse {
			oldest = k
		}
	}
	if n >= kept {
		c.graphs[oldest].close()
		delete(c.graphs, oldest)
	}
	c.clock++
	g.lastUse = c.clock
	c.graphs[string(key)] = g
}

// bytes is the memory of the graphs' nodes, without what they compute.
func (c *graphCache) bytes() (n int64) {
	for _, g := range c.graphs {
		n += int64(g.bytes)
	}
	return n
}

// close frees all graphs; the cache is empty and usable afterwards.
func (c *graphCache) close() {
	for k, g := range c.graphs {
		g.close()
		delete(c.graphs, k)
	}
}
