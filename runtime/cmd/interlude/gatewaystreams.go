package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/interlude-run/interlude/runtime/broker"
	"github.com/interlude-run/interlude/runtime/turns"
	"github.com/interlude-run/interlude/sdk"
	"github.com/interlude-run/interlude/sdk/wire"
)

// streamFigures are of many open streams beside few.
type streamFigures struct {
	RateRatio  float64    `json:"streams_400_tps_ratio"`        // median of the repetitions
	RateSpread [2]float64 `json:"streams_400_tps_ratio_spread"` // the least and the largest
	FewRate    float64    `json:"streams_8_tokens_per_second"`  // to all readers that keep up; of the last repetition, as below
	ManyRate   float64    `json:"streams_400_tokens_per_second"`
	Meant      float64    `json:"streams_tokens_per_second_meant"` // for those readers, by the script
	Resident   *float64   `json:"streams_400_rss_mb"`              // of 10⁶ bytes; null where the system does not say
}

// How many streams are few and many, and the tokens a second in total: what a reader of one of
// the many follows with ease.
const (
	fewStreams  = 8
	manyStreams = 400
	streamPace  = 4000
)

// measureStreams measures few streams and many, in turns.
func measureStreams(ctx context.Context, repetitions int, window time.Duration) (f streamFigures, err error) {
	var ratios []float64
	for range repetitions {
		few, err := (&streamLoad{streams: fewStreams, pace: streamPace, window: window}).run(ctx)
		if err != nil {
			return f, fmt.Errorf("%d: %w", fewStreams, err)
		}
		many, err := (&streamLoad{streams: manyStreams, pace: streamPace, window: window}).run(ctx)
		if err != nil {
			return f, fmt.Errorf("%d: %w", manyStreams, err)
		}
		ratios = append(ratios, many.rate/few.rate)
		f.FewRate, f.ManyRate, f.Resident = few.rate, many.rate, many.resident
	}
	f.Meant = streamPace / 2
	f.RateRatio, f.RateSpread = median(ratios), [2]float64{slices.Min(ratios), slices.Max(ratios)}
	return f, nil
}

// streamLoad are streams that are open at once, every second one with a slow reader.
type streamLoad struct {
	streams int
	pace    float64       // tokens a second, of all
	window  time.Duration // that is measured, once all have begun
}

// streamed is what came of a load.
type streamed struct {
	rate     float64  // tokens a second that reach the readers which keep up, together
	resident *float64 // memory of the process at the end of the window, of 10⁶ bytes
}

// run has a script answer over the real intake and the real gateway.
func (l *streamLoad) run(ctx context.Context) (s streamed, err error) {
	store, err := os.MkdirTemp("", "interlude-bench-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(store)
	b, err := broker.Start(broker.Config{StoreDir: store, Port: broker.NoPort})
	if err != nil {
		return s, err
	}
	defer b.Shutdown()
	nodes, err := b.Connect()
	if err != nil {
		return s, err
	}
	defer nodes.Close()
	conn, err := b.Connect()
	if err != nil {
		return s, err
	}
	defer conn.Close()
	log := benchLog()
	server, err := turns.New(ctx, nodes, turns.Config{Log: log})
	if err != nil {
		return s, err
	}
	p := newPacer(l.streams)
	serve := func(ctx context.Context) error { return server.Run(ctx, p) }
	err = during(ctx, serve, func(ctx context.Context) error {
		return withFront(ctx, conn, log, func(url string) (err error) {
			s, err = l.measure(ctx, url, p)
			return err
		})
	})
	return s, err
}

// measure opens the streams, looks at them for as long as the window, has the script come to
// the end, and checks that readers who keep up have every token.
func (l *streamLoad) measure(ctx context.Context, url string, p *pacer) (s streamed, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, reading := errgroup.WithContext(ctx)
	slow, hangUp := context.WithCancel(reading)
	defer hangUp()
	r := &readers{url: url, begun: make(chan struct{}, l.streams)}
	fast := make([]string, l.streams) // what each heard
	for i := range l.streams {
		group.Go(func() (err error) {
			if i%2 == 1 {
				return r.slow(slow, i)
			}
			fast[i], err = r.fast(reading, i)
			return err
		})
	}
	paced, stop := context.WithCancel(reading)
	defer stop()
	group.Go(func() error { return p.run(paced, l.pace) })
	if s, err = l.watch(reading, r); err == nil {
		stop()
		hangUp()
	} else {
		cancel()
	}
	if why := group.Wait(); err == nil {
		err = why
	}
	if err != nil {
		return s, err
	}
	for i := 0; i < l.streams; i += 2 {
		if want := p.said(streamName(i)); fast[i] != want {
			return s, fmt.Errorf("stream %d: its reader has %d bytes of an answer of %d, or others", i, len(fast[i]), len(want))
		}
	}
	return s, nil
}

// watch waits until all streams have begun, and counts. Its error is the stream's that failed,
// if one did.
func (l *streamLoad) watch(ctx context.Context, r *readers) (s streamed, err error) {
	patience := time.After(beginTime)
	for n := range l.streams {
		select {
		case <-r.begun:
		case <-patience:
			return s, fmt.Errorf("%d of %d streams have begun after %v", n, l.streams, beginTime)
		case <-ctx.Done():
			return s, context.Cause(ctx)
		}
	}
	before, began := r.tokens.Load(), time.Now()
	select {
	case <-time.After(l.window):
	case <-ctx.Done():
		return s, context.Cause(ctx)
	}
	s.rate = float64(r.tokens.Load()-before) / time.Since(began).Seconds()
	s.resident = resident()
	return s, nil
}

// beginTime is what all streams may take to begin.
const beginTime = time.Minute

func streamName(i int) string { return fmt.Sprintf("Stream %d.", i) }

// readers read streams of the gateway.
type readers struct {
	url    string
	begun  chan struct{} // one for each stream that has begun
	tokens atomic.Int64  // that the fast ones have
}

// open asks for a stream on a connection of its own.
func (r *readers) open(ctx context.Context, i int, t *http.Transport) (*http.Response, error) {
	return post(ctx, &http.Client{Transport: t}, r.url, chatCall{Messages: []any{sdk.User(streamName(i))}, MaxTokens: 1 << 20, Stream: true})
}

// fast reads an answer to its end, as it comes.
func (r *readers) fast(ctx context.Context, i int) (text string, err error) {
	t := &http.Transport{}
	defer t.CloseIdleConnections()
	response, err := r.open(ctx, i, t)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var all strings.Builder
	err = readChat(response.Body, func(c *chatChunk) {
		if !c.says() {
			return
		}
		if all.Len() == 0 {
			r.begun <- struct{}{}
		}
		all.WriteString(c.Choices[0].Delta.Content)
		r.tokens.Add(int64(len(c.Choices[0].Delta.Content) / tokenBytes))
	})
	return all.String(), err
}

// What a slow reader takes, how often, and what may wait for it in its system.
const (
	sipBytes  = 16
	sipEvery  = 50 * time.Millisecond
	sipBuffer = 4096
)

// slow reads a little now and then, until ctx ends: before, its stream has no end.
func (r *readers) slow(ctx context.Context, i int) error {
	t := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(sipBuffer) // where it cannot be set, more waits there and less in the gateway
		}
		return conn, err
	}}
	defer t.CloseIdleConnections()
	response, err := r.open(ctx, i, t)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	r.begun <- struct{}{}
	tick := time.NewTicker(sipEvery)
	defer tick.Stop()
	for sip := make([]byte, sipBytes); ; {
		_, err := response.Body.Read(sip)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("slow stream %d ends before it is to", i)
		case err != nil:
			return fmt.Errorf("slow stream %d: %w", i, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// pacer is a script in the place of a node: it answers all turns at once, a token of one
// after a token of another. It implements turns.Runner.
type pacer struct {
	want int           // turns
	full chan struct{} // closed when they are there

	mu     sync.Mutex
	open   []*scripted
	byName map[string]*scripted // by what the turn says
	ended  bool
}

// scripted is a turn and what was said in it.
type scripted struct {
	job    *turns.Job
	text   strings.Builder
	tokens int
}

func newPacer(want int) *pacer {
	return &pacer{want: want, full: make(chan struct{}), byName: map[string]*scripted{}}
}

// Take implements turns.Runner.
func (p *pacer) Take(ctx context.Context, job *turns.Job) {
	turn, err := job.Turn(ctx)
	if err != nil {
		_ = job.HandBack(ctx) // the error is that the turn is over
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		_ = job.HandBack(ctx)
		return
	}
	job.Start()
	s := &scripted{job: job}
	p.open = append(p.open, s)
	p.byName[string(turn.Messages[0].Content)] = s
	if len(p.open) == p.want {
		close(p.full)
	}
}

// tokenBytes are those of each token.
const tokenBytes = 4

// paceEvery is how often tokens are given out.
const paceEvery = 2 * time.Millisecond

// run gives out so many tokens a second once all turns are there, and ends the turns when ctx
// ends. The server of the turns does not end before.
func (p *pacer) run(ctx context.Context, pace float64) error {
	err := p.give(ctx, pace)
	return errors.Join(err, p.end(context.WithoutCancel(ctx)))
}

func (p *pacer) give(ctx context.Context, pace float64) error {
	select {
	case <-p.full:
	case <-ctx.Done():
		return nil
	}
	p.mu.Lock()
	open := slices.Clone(p.open)
	p.mu.Unlock()
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	for given, began := 0, time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		for due := int(time.Since(began).Seconds() * pace); given < due && ctx.Err() == nil; given++ {
			if err := open[given%len(open)].say(); err != nil {
				return err
			}
		}
	}
}

// say streams the next token, unless the reader has hung up.
func (s *scripted) say() error {
	token := fmt.Sprintf("%03d ", s.tokens%1000)
	err := s.job.Stream(wire.Chunk{Text: token})
	switch {
	case errors.Is(err, turns.ErrOver):
		return nil
	case err != nil:
		return err
	}
	s.tokens++
	s.text.WriteString(token)
	return nil
}

// end finishes all turns, also those that come later.
func (p *pacer) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	var failed error
	for _, s := range p.open {
		r := wire.Result{Outcome: wire.Completed, FinishReason: wire.FinishStop, Text: s.text.String()}
		r.Usage.CompletionTokens = s.tokens
		if err := s.job.Finish(ctx, r); err != nil && !errors.Is(err, turns.ErrOver) {
			_ = s.job.HandBack(ctx) // the error is that the turn is over
			failed = err
		}
	}
	return failed
}

// endTime is what the results of all turns may take.
const endTime = 30 * time.Second

// said is the answer to the turn that says so.
func (p *pacer) said(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.byName[name]; s != nil {
		return s.text.String()
	}
	return ""
}

// resident is the memory that the process has, of 10⁶ bytes; nil where the system does not
// say.
func resident() *float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return nil
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return nil
	}
	mb := pages * float64(os.Getpagesize()) / 1e6
	return &mb
}
