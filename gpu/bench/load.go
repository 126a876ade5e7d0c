package bench

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// load is processor time since some moment, in seconds: of the whole machine, busy and
// in all, and of this process.
type load struct{ busy, all, own float64 }

// loadNow reads it; ok is false where the system does not tell.
func loadNow() (l load, ok bool) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return l, false
	}
	if l.busy, l.all, ok = parseLoad(data); !ok {
		return l, false
	}
	var own unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &own) != nil {
		return l, false
	}
	seconds := func(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	l.own = seconds(own.Utime) + seconds(own.Stime)
	return l, true
}

// parseLoad reads the first line of /proc/stat: user, nice, system, idle, iowait, irq,
// softirq and steal, in hundredths of a second. What a hypervisor gives to others is
// busy.
func parseLoad(stat []byte) (busy, all float64, ok bool) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, 0, false
	}
	for i, f := range fields[1:9] {
		v, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, 0, false
		}
		all += float64(v) / 100
		if i != 3 && i != 4 {
			busy += float64(v) / 100
		}
	}
	return busy, all, true
}

// others adds up the time that other processes had of the processors.
type others struct {
	busy, all float64
	from      load
	known     bool
}

func (o *others) begin() { o.from, o.known = loadNow() }

func (o *others) end() {
	if now, ok := loadNow(); ok && o.known {
		o.add(o.from, now)
	}
}

func (o *others) add(from, to load) {
	o.busy += max(to.busy-from.busy-(to.own-from.own), 0)
	o.all += to.all - from.all
}

// share is their part of all processors' time; 0 where nothing is known.
func (o *others) share() float64 {
	if o.all <= 0 {
		return 0
	}
	return o.busy / o.all
}
