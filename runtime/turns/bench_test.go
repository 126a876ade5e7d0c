package turns_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk/wire"
)

// BenchmarkPublishToJob is the time from a client's publishing a turn to the
// runner's getting it, through the disk, in one process.
func BenchmarkPublishToJob(b *testing.B) {
	server := startBroker(b, b.TempDir())
	got := make(chan time.Time, 1)
	(&node{}).start(b, server, turns.Config{}, turns.RunnerFunc(func(ctx context.Context, job *turns.Job) {
		got <- time.Now()
		if err := job.Finish(ctx, completed("done")); err != nil {
			b.Error(err)
		}
	}))
	client := connect(b, server)
	mustSubmit(b, client, turnID("warm", 1), "up")
	<-got
	var spans []time.Duration
	var i int
	for b.Loop() {
		i++
		id := turnID(fmt.Sprint("p", i), 1)
		begun := time.Now()
		if err := client.Publish(id.Subject(wire.KindSubmit), []byte(message("hi", ""))); err != nil {
			b.Fatal(err)
		}
		spans = append(spans, (<-got).Sub(begun))
	}
	slices.Sort(spans)
	b.ReportMetric(float64(spans[len(spans)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(spans[len(spans)*99/100].Microseconds()), "p99-µs")
}
