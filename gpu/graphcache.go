package gpu

// graphCache keeps the graphs of recent shapes; a new one takes the place of the
// one of its kind that has not been used for longest.
type graphCache struct {
	graphs map[string]*graph
	clock  uint64
}

// Prompts are cut in many ways, of which some never come again: the graphs of decodes,
// which do, are kept apart.
const (
	decodesKept = 24
	promptsKept = 8
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
	kind, kept := g.shape.paced() == unpaced, decodesKept
	if kind {
		kept = promptsKept
	}
	n, oldest := 0, ""
	for k, v := range c.graphs {
		if v.shape.paced() == unpaced != kind {
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
