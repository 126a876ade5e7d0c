// Package kvpin is the one ledger of KV memory: every byte that a sequence has
// reserved in the engine's pool is accounted for here, and nowhere else.
//
// The ledger mirrors the engine's own arithmetic (package gpu/engine), so that
// it knows what a call will cost before the call is made, and its Used is the
// engine's Memory().Used at every moment. It holds counts only: no tensors, no
// tokens.
//
// # Accounts
//
// An account is a sequence. Its capacity is made of whole spans at the front,
// which it may hold together with other accounts since a fork, and of cells of
// its own behind them:
//
//	parent   [ span 0 | span 1 |   span 2      | own ······· ]
//	              │        │
//	child    [ span 0 | span 1 | own ··· ]                        Fork at a point within span 2
//
// A span is paid for once however many hold it, and given back when the last
// holder lets go.
//
// # Held and parked
//
// An account is either held, and its memory safe, or parked, and its memory lent
// until someone needs it. A span that any holder of it holds is safe.
//
//	       Open, Fork              Park
//	────────────────▶ held ──────────────────▶ parked ───▶ Reclaim: whom the caller names,
//	                   ▲                         │          tail first
//	                   └─────────────────────────┘
//	                            Hold
//
//	Pool = Free + Parked + Held;  Available = Free + Parked
//
// Reclaim takes what is needed and no more than a lump of 256 cells beyond. It knows
// beforehand whether it can succeed, and takes nothing when it cannot.
//
// # Tiers
//
// Below the device there may be a host tier and a disk. They keep copies of the first
// cells of a context, named by an Owner rather than a sequence, as they outlive it. A
// copy is booked before it is made and forgotten before it is dropped, so that the
// bytes of a tier are never more than its size. The copy that was used longest ago of the
// tenant that has most for its weight makes room for the next.
//
//	Device ──copy──▶ Host ──copy──▶ Disk
//	   ▲               │ ▲            │
//	   │               │ └──promote───┤
//	   └───────────────┴───restore────┘
//
// # Pins
//
// A Pin is what keeping an idle program's cells is worth: the time that losing them
// would cost, if the program comes back, over what holding them costs the others until it
// is, or is given up. Its time to live is when that falls below 1. See Pin for the price.
//
// # Failure
//
// What does not fit is an error, ErrNoRoom, and changes nothing. A call that
// names no account, or one that exists, is the caller's mistake, and panics.
//
// A ledger has one owner.
package kvpin
