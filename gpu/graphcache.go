package gpu

// graphCache keeps the graphs of recent shapes; a new one takes the place of the
// one that has not been used for longest.
type graphCache struct {
	graphs map[string]*graph
	clock  uint64
}

const graphsKept = 24

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
	if len(c.graphs) >= graphsKept {
		var oldest string
		for k, v := range c.graphs {
			if o := c.graphs[oldest]; o == nil || v.lastUse < o.lastUse {
				oldest = k
			}
		}
		c.graphs[oldest].close()
		delete(c.graphs, oldest)
	}
	c.clock++
	g.lastUse = c.clock
	c.graphs[string(key)] = g
}

// close frees all graphs; the cache is empty and usable afterwards.
func (c *graphCache) close() {
	for k, g := range c.graphs {
		g.close()
		delete(c.graphs, k)
	}
}
