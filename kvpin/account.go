package kvpin

import "github.com/interlude-run/interlude/programs"

// account is what one sequence has reserved.
type account struct {
	seq   Seq
	spans []*span         // whole spans from the front, each of which may have other holders
	own   programs.Tokens // cells behind them, which have none
	held  bool
}

// span is a run of cells that one or more accounts hold. All holders hold the
// spans before it as well.
type span struct {
	cells   programs.Tokens
	holders int // accounts
	held    int // those of them that are held
	names   Seq // of the holders, summed up: the name of the last that is left
}

func (l *Ledger) capacity(a *account) programs.Tokens {
	return l.geometry.spanStart(len(a.spans)) + a.own
}

// common is how many cells from the front other accounts hold too. Holders of a
// span hold those before it, so they are the whole spans up to the last such.
func (l *Ledger) common(a *account) programs.Tokens {
	k := len(a.spans)
	for k > 0 && a.spans[k-1].holders == 1 {
		k--
	}
	return l.geometry.spanStart(k)
}
