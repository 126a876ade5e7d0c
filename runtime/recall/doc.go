// Package recall keeps what a node has learnt in a folder, so that a node which is started again
// does not begin anew.
//
//	dir, err := recall.Open(ctx, "/var/lib/interlude", engine)
//	defer dir.Close()
//	dir.Found                    // what to begin with, and where it is from
//	err = dir.Begin(eventLog)    // this run has begun, with a log or none
//	err = dir.Keep(learnt, false) // every few minutes
//	err = dir.Keep(learnt, true)  // at the end
//
// # The file
//
// The folder has one file, learnt.json.gz: what a core.Machine has learnt (core.Learnt), which
// engine its times are of, and which event log its run wrote. It has names of tenants and tools,
// and no text. It is replaced as a whole: written beside, flushed to disk, and renamed, so that a
// crash at any moment leaves the one before or the new one.
//
//	{"Format":"interlude learnt state","Engine":{"Model":"…","Build":"…",…},"EventLog":"…","Ended":true,"Learnt":{"Version":1,…}}
//
// # What is believed
//
// A file is a thing from outside. One that is cut short, of another version, or has something in
// it that no machine can have learnt is put aside (its name, and .refused), and the node begins
// with nothing; Found.Refused says why. Of another engine, which is another model, build, device
// or setting, no time of the engine's is taken: how long tools take, how many turns programs have
// and whose words have proved right holds on any.
//
// # A run that was killed
//
// Such a run has left a file that is some minutes old, or nothing but its event log's name. Where
// the log is still there its events are replayed, and what its machine then knows is begun with,
// if it is newer. A replay that takes longer than half a minute is given up: a log of days would
// keep the node from its work, for what it learns anew in minutes.
//
// # One node, one folder
//
// A folder is locked while it is open (ErrInUse for others), as two nodes would write over each
// other's file. A Dir has one owner.
package recall
