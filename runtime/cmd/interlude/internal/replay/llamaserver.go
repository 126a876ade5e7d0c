package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// LlamaServer is a llama-server of llama.cpp in a process of its own. Agents talk to it
// over HTTP, with the whole conversation in every request, as its users do.
type LlamaServer struct {
	url  string
	stop context.CancelFunc
	done chan error // of the process, once
	says *tail
}

// LlamaOptions are how a llama-server is set up.
type LlamaOptions struct {
	Path    string // of llama-server
	Model   string // GGUF file
	Threads int
	Cache   *LlamaCache // nil: as it has it unless it is told otherwise
}

// LlamaCache is a llama-server's memory for conversations.
type LlamaCache struct {
	Cells   int // all slots together
	Slots   int // how many conversations have cells at once
	HostMiB int // of its prompt cache in host memory; 0: none
}

// StartLlamaServer starts one and waits until it has loaded its model.
func StartLlamaServer(ctx context.Context, o LlamaOptions) (*LlamaServer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Path, err)
	}
	host, port, _ := net.SplitHostPort(address)
	living, stop := context.WithCancel(ctx)
	s := &LlamaServer{url: "http://" + address, stop: stop, done: make(chan error, 1), says: &tail{}}
	threads := strconv.Itoa(o.Threads)
	args := []string{
		"--model", o.Model, "--host", host, "--port", port,
		"--threads", threads, "--threads-batch", threads, "--gpu-layers", "0",
	}
	if c := o.Cache; c != nil {
		args = append(args, "--ctx-size", strconv.Itoa(c.Cells), "--parallel", strconv.Itoa(c.Slots), "--cache-ram", strconv.Itoa(c.HostMiB))
	}
	cmd := exec.CommandContext(living, o.Path, args...)
	cmd.Stdout, cmd.Stderr = s.says, s.says
	if err := cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("start llama-server: %w", err)
	}
	go func() { s.done <- cmd.Wait() }()
	if err := s.ready(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("start %s: %w; it says:\n%s", o.Path, err, s.says)
	}
	return s, nil
}

// Close ends the process and waits for its end.
func (s *LlamaServer) Close() {
	s.stop()
	<-s.done
}

// ready waits for the model.
func (s *LlamaServer) ready(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for {
		if r, err := get(ctx, s.url+"/health"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-s.done:
			s.done <- err
			return fmt.Errorf("it ended: %w", cmp.Or(err, errors.New("without an error")))
		case <-ctx.Done():
			return fmt.Errorf("it has no model yet: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}

// post sends a request and returns an answer of status 200, whose body the caller closes.
func (s *LlamaServer) post(ctx context.Context, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return nil, fmt.Errorf("llama-server answers %s: %s", response.Status, text)
	}
	return response, nil
}

// freeAddress is a loopback address that nobody listened on a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Begin implements Server.
func (s *LlamaServer) Begin(run *Run) Talk {
	return &chat{server: s, messages: []message{{"system", run.System}}}
}

// chat is a conversation over HTTP.
type chat struct {
	server   *LlamaServer
	messages []message
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// completion is a request to /v1/chat/completions, with llama-server's own ignore_eos.
type completion struct {
	Messages    []message `json:"messages"`
	MaxTokens   int       `json:"max_tokens"`
	Temperature float64   `json:"temperature"`
	IgnoreEOS   bool      `json:"ignore_eos"`
	Stream      bool      `json:"stream"`
}

// chunk is a part of the answer.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
	} `json:"choices"`
	Timings *struct {
		Prompt int `json:"prompt_n"`
		Cached int `json:"cache_n"`
		Said   int `json:"predicted_n"`
	} `json:"timings"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Turn implements Talk.
func (c *chat) Turn(ctx context.Context, t *Turn, _ bool, first func()) (Answer, error) {
	c.messages = append(c.messages, message{"user", t.Says})
	body, err := json.Marshal(completion{Messages: c.messages, MaxTokens: t.Tokens, IgnoreEOS: true, Stream: true})
	if err != nil {
		return Answer{}, err
	}
	response, err := c.server.post(ctx, "/v1/chat/completions", body)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	a, err := read(response.Body, first)
	if err != nil {
		return Answer{}, fmt.Errorf("llama-server's answer: %w", err)
	}
	c.messages = append(c.messages, message{"assistant", a.Text})
	return a, nil
}

// read reads the answer's events.
func read(body io.Reader, first func()) (a Answer, err error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var c chunk
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			return Answer{}, fmt.Errorf("%q: %w", data, err)
		}
		if c.Error != nil {
			return Answer{}, errors.New(c.Error.Message)
		}
		for _, choice := range c.Choices {
			if choice.Delta.Content != "" && a.Text == "" {
				first()
			}
			a.Text += choice.Delta.Content
		}
		if c.Timings != nil {
			a.Prefilled, a.Reused, a.Generated = c.Timings.Prompt, c.Timings.Cached, c.Timings.Said
		}
	}
	if err := lines.Err(); err != nil {
		return Answer{}, err
	}
	if a.Generated == 0 {
		return Answer{}, errors.New("it ends before its last part")
	}
	return a, nil
}

// tail keeps the last of what a process says. The process's end comes before it is read.
type tail struct{ said []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.said = append(t.said, p...)
	t.said = t.said[max(len(t.said)-2000, 0):]
	return len(p), nil
}

// String is the last that was said.
func (t *tail) String() string { return string(t.said) }
