package wire

// Programs is what a node says of the programs that it has in hand: those of which a turn
// waits or runs, or of which it keeps memory. It is a look at one moment.
type Programs struct {
	Node  string `json:"node"`
	Model string `json:"model,omitempty"` // that it computes with

	Total    int            `json:"total"` // programs; no more than MaxPrograms of them are told of
	Programs []ProgramState `json:"programs"`

	// Of the whole node; of one tenant's view they are left out.
	Memory *NodeMemory `json:"memory,omitempty"`
}

// MaxPrograms is how many programs one Reply tells of: those at work before idle ones.
const MaxPrograms = 512

// NodeMemory is the memory for caches, in bytes.
type NodeMemory struct {
	Used int64 `json:"used_bytes"` // of the pool that the engine computes in
	Pool int64 `json:"pool_bytes"`
	Host int64 `json:"host_bytes"` // copies below it
	Disk int64 `json:"disk_bytes"`
}

// ProgramState is a program as it is.
type ProgramState struct {
	Tenant  string `json:"tenant"`
	Program string `json:"program"`
	Turn    int64  `json:"turn"` // in progress, or the last

	State State  `json:"state"`
	Why   string `json:"why,omitempty"`  // what a turn that does not go on waits for: a word for programs, such as pool or share
	Tool  string `json:"tool,omitempty"` // that the program waits for, where that is known

	Before *int  `json:"programs_before,omitempty"` // of a turn that waits: programs of its tenant that go before it; absent where very many wait
	Cached int64 `json:"cached_tokens"`             // of Context, on the device: what is computed of a prompt grows here

	Context int64     `json:"context_tokens"`
	KV      TierBytes `json:"kv"`
	Keep    *Keep     `json:"keep,omitempty"` // between two turns, while there is memory of it
	Gap     *Gap      `json:"gap,omitempty"`  // between two turns
}

// State is what a program does.
type State string

// The states. The first four are those of a turn.
const (
	StateWaiting    State = "waiting"    // not yet in memory
	StateRestoring  State = "restoring"  // its cache comes back from host memory or disk, or its prompt is fetched
	StatePrefilling State = "prefilling" // its prompt is computed
	StateDecoding   State = "decoding"   // its answer is
	StateTool       State = "tool"       // between two turns, a tool runs
	StatePerson     State = "person"     // between two turns, a person is waited for
	StateIdle       State = "idle"       // between two turns, of which nothing is known
)

// TierBytes is memory by where it is. Copies on host and disk are beside what the device has.
type TierBytes struct {
	Device int64 `json:"device_bytes"`
	Shared int64 `json:"shared_bytes"` // of Device, with other programs
	Host   int64 `json:"host_bytes"`
	Disk   int64 `json:"disk_bytes"`
}

// Keep is how long memory stays, and why.
type Keep struct {
	Rule   string  `json:"rule"`              // pinned: it is worth its place for LeftMS more; held: the policy holds it; lent: until others need it
	LeftMS int64   `json:"left_ms,omitempty"` // of pinned
	Worth  float64 `json:"worth"`             // of the memory to this program, over what it costs the others; below 1 it is worth less
}

// The rules by which memory stays.
const (
	KeepPinned = "pinned"
	KeepHeld   = "held"
	KeepLent   = "lent"
)

// Gap is how long a program has waited, and is expected to.
type Gap struct {
	SinceMS    int64   `json:"since_ms"`
	ExpectedMS int64   `json:"expected_ms"` // what is left of it, if it ends
	Returns    float64 `json:"returns"`     // the chance that it does before the program is forgotten
}

// ProgramsSubject is where nodes tell of a tenant's programs; of all tenants' where tenant is
// "", which only who may publish anywhere can ask.
func ProgramsSubject(tenant string) string {
	if tenant == "" {
		return prefix + programsWord
	}
	return prefix + tenant + "." + programsWord
}

// ProgramsSubjects are what a node listens on for that.
func ProgramsSubjects() []string {
	return []string{prefix + programsWord, prefix + "*." + programsWord}
}

const programsWord = "programs"
