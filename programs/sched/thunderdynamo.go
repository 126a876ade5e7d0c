package sched

import "github.com/interlude-run/interlude/programs"

// NewThunderDynamo makes ThunderAgent's router as NVIDIA Dynamo has it (ai-dynamo/dynamo
// at d3fe871, components/src/dynamo/thunderagent_router/router.py, experimental, with its
// defaults), which is ThunderReleased in bands of the pool: pausing begins above 95 % and
// goes on down to 80 %, programs are resumed up to 85 %; while 80 % to 95 % are in use,
// turns are served two seconds later than they came, and one that was paused is served
// one second sooner.
//
// What it does not do of its source: it has one replica. The contexts of programs whose
// tool runs, halved every second, choose there the replica of a turn that has waited for
// half an hour, and nothing else: the resumption that the source's documentation says
// they rule counts contexts in full.
func NewThunderDynamo(env Env) Policy {
	return newRouter(env, routerRules{
		pause: 0.95, target: 0.80, resume: 0.95 - 0.10,
		demote: 0.80, later: 2 * programs.Second, sooner: programs.Second, demoted: 3 * routerTick / 2,
	})
}
