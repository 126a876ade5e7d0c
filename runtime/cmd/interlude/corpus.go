package main

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// corpus is text of a source tree, for measurements that want much of it.
type corpus struct{ all string }

// readCorpus reads the sources under a folder, in the order of their names, up to some 16 MB.
func readCorpus(dir string) (*corpus, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && strings.HasPrefix(d.Name(), "."), d.IsDir() && d.Name() == "node_modules":
			return fs.SkipDir
		case d.IsDir() || !slices.Contains([]string{".go", ".md", ".py", ".ts", ".mjs", ".rs", ".c", ".java"}, filepath.Ext(path)):
			return nil
		case b.Len() > 16<<20:
			return fs.SkipAll
		}
		data, err := os.ReadFile(path)
		b.Write(data)
		return err
	})
	if err == nil && b.Len() < 100_000 {
		err = errors.New("there is too little source text under " + dir + "; name a folder with more by --dir")
	}
	return &corpus{strings.ToValidUTF8(b.String(), "")}, err
}

// charsPerToken is about right for source code.
const charsPerToken = 3

// text is some of it, about so many tokens, the same for the same number.
func (c *corpus) text(number, tokens int) string {
	n := min(tokens*charsPerToken, len(c.all)/2)
	at := rand.New(rand.NewPCG(uint64(number), 1)).IntN(len(c.all) - n)
	return strings.ToValidUTF8(c.all[at:at+n], "")
}
