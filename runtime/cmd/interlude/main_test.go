package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/interlude-run/interlude/runtime/broker"
)

// A test that needs the binary runs itself as the binary.
const beInterlude = "INTERLUDE_TEST_IS_BINARY"

var (
	kills        = flag.Int("kills", 10, "how often TestKill kills the node")
	nodeKills    = flag.Int("node-kills", 3, "how often TestKillHTTP kills a node")
	gatewayKills = flag.Int("gateway-kills", 2, "how often TestKillHTTP kills a gateway")
)

// A test that needs a NATS server in a process of its own runs itself as one, with the store
// in this folder; it listens as long as its input is open.
const beBroker = "INTERLUDE_TEST_IS_BROKER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(beBroker); dir != "" {
		os.Exit(runBroker(dir))
	}
	if os.Getenv(beLlamaServer) != "" {
		os.Exit(runLlamaServer(os.Args[1:]))
	}
	if os.Getenv(beInterlude) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func runBroker(dir string) int {
	b, err := broker.Start(broker.Config{StoreDir: dir, Port: broker.RandomPort})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer b.Shutdown()
	fmt.Println(b.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// brokerApart starts a NATS server in a process of its own and says where it listens.
func brokerApart(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = append(os.Environ(), beBroker+"="+t.TempDir()), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the NATS server does not say where it listens: %v", err)
	}
	return strings.TrimSpace(url)
}

// served is a node, or a gateway, in a process of its own.
type served struct {
	cmd  *exec.Cmd
	url  string
	logs *tail
}

// serve starts a node and returns when it listens.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	s, err := tryServe(args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryServe(args ...string) (*served, error) {
	return tryStart(append([]string{"serve", "--http=127.0.0.1:0"}, args...)...)
}

// tryStart runs a command of the binary and returns when it listens.
func tryStart(args ...string) (*served, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &served{cmd: exec.Command(self, args...), logs: &tail{}}
	s.cmd.Env = append(os.Environ(), beInterlude+"=1")
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go s.logs.read(stderr, listening)
	select {
	case s.url = <-listening:
		return s, nil
	case <-time.After(2 * time.Minute):
		s.kill()
		return nil, fmt.Errorf("it does not listen:\n%s", s.logs)
	}
}

func (s *served) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// tail keeps what a process says.
type tail struct {
	mu   sync.Mutex
	text strings.Builder
}

// read says where the node listens, once it does; "" never comes, for a node that
// ends first closes its output and the caller's patience ends.
func (l *tail) read(r io.Reader, listening chan<- string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		l.mu.Lock()
		fmt.Fprintln(&l.text, lines.Text())
		l.mu.Unlock()
		if url, ok := strings.CutPrefix(lines.Text(), "turns    "); ok {
			listening <- url
		}
	}
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// freePort is a port that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fetched has the engine and the model in the cache.
func fetched(t *testing.T) {
	t.Helper()
	if _, err := (&modelFlags{Device: "cpu"}).obtain(context.Background()); err != nil {
		t.Fatal(err)
	}
}
