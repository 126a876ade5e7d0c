package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// raisePriority lifts the process's threads above the engine's compute threads,
// which lift themselves above everybody else's. Scheduling and delivery take
// microseconds of a step's milliseconds, but beside compute threads that hold
// every processor they would wait for a time slice at every hand-over. Where it
// is not permitted nothing is lifted, the compute threads neither.
func raisePriority() {
	const nice = -15
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, t := range tasks {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, nice) // threads started later inherit it
		}
	}
}
