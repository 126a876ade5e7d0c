package pull

import (
	"context"
	"fmt"
	"path/filepath"
)

// CachedModel is a model in the cache.
type CachedModel struct {
	Model
	Bytes int64
}

// CachedModels are the models that the cache holds, in the order of their names. What is damaged,
// or not whole yet, is left out.
func (p *Puller) CachedModels() ([]CachedModel, error) {
	stamps, err := filepath.Glob(filepath.Join(p.dir, "models", "*", stampName))
	if err != nil {
		return nil, fmt.Errorf("list the models in %s: %w", p.dir, err)
	}
	var models []CachedModel
	for _, path := range stamps {
		if a, err := examine(context.Background(), filepath.Dir(path), nil, false); err == nil {
			models = append(models, CachedModel{a.model(), a.stamp.Files[0].Size})
		}
	}
	return models, nil
}
