"""Runs official clients against a real node, and coding agents against a script (agents.py), and
prints what works: client by check.

    python3 runtime/gateway/clients/run.py [CLIENT ...]
    python3 runtime/gateway/clients/run.py --small

Clients are installed from PyPI and npm into the user's cache, once. What they were answered
under /responses is held to the Open Responses specification, and schemathesis asks a node for
all that openapi.yaml describes. --small is the part that CI runs: OpenAI's clients for Python and
JavaScript, and both judges. Node and npm come from PyPI.
"""

import contextlib
import hashlib
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
import agents
from proxies import Flaky, Recorder

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent.parent
CHECKS = ["streaming", "tools", "parallel", "structured", "retry", "cancel", "append", "resume"]
SMALL = "--small" in sys.argv[1:]
CLIENTS = ["openai (py)", "openai (js)"] if SMALL else sys.argv[1:]


def main():
    folder = installed()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        binary = scratch / "interlude"
        subprocess.run(["go", "build", "-o", binary, "./runtime/cmd/interlude"], cwd=ROOT, check=True)
        with serving(binary, scratch / "store") as port:
            recorded = scratch / "responses.jsonl"
            seen = Recorder(port, recorded).port
            env = {
                **os.environ, "BASE": f"http://127.0.0.1:{seen}", "FLAKY": f"http://127.0.0.1:{Flaky(seen).port}",
                "OPENAI_API_KEY": "none", "PYTHONDONTWRITEBYTECODE": "1",
            }
            ok = report(itertools.chain(checks(folder, env), [] if SMALL else agents.results(sys.argv[1:])))
            ok = langchain(folder, env) and ok
            ok = judge(folder, recorded) and ok
        if not CLIENTS or SMALL:
            ok = fuzz(folder, binary, scratch) and ok
    sys.exit(not ok)


def installed():
    """The folder with all clients, in which they are installed where they are not yet."""
    requirements, package = (HERE / name for name in (("small.txt", "small.json") if SMALL else ("requirements.txt", "package.json")))
    wanted = requirements.read_bytes() + package.read_bytes()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    folder = cache / "interlude" / "clients" / hashlib.sha256(wanted).hexdigest()[:12]
    if not (folder / "done").exists():
        print(f"installing clients into {folder}: about {'a minute' if SMALL else '3 minutes'}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([folder / "venv/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", requirements], check=True)
        (folder / "package.json").write_bytes(package.read_bytes())
        subprocess.run([folder / "venv/bin/npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        (folder / "done").touch()
    return folder


@contextlib.contextmanager
def serving(binary, store, *flags):
    """A node of its own, and the port of its gateway."""
    node = subprocess.Popen(
        [binary, "serve", "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--store", store, "--kv-bytes", "256MiB", *flags],
        stderr=subprocess.PIPE, text=True,
    )
    try:
        log = []
        for line in node.stderr:
            log.append(line)
            if m := re.search(r"OPENAI_BASE_URL=http://127.0.0.1:(\d+)/v1", line):
                break
        else:
            sys.exit("the node does not serve:\n" + "".join(log))
        threading.Thread(target=lambda: log.extend(node.stderr), daemon=True).start()
        yield int(m.group(1))
    finally:
        node.terminate()
        node.wait()


def checks(folder, env):
    script = folder / "checks.mjs"  # modules are found from the script's folder on
    script.write_bytes((HERE / "checks.mjs").read_bytes())
    for command in [folder / "venv/bin/python", HERE / "checks.py", *CLIENTS], [folder / "venv/bin/node", script, *CLIENTS]:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as p:
            for line in p.stdout:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    sys.stderr.write(line)


def report(results):
    table, failures = {}, []
    for r in results:
        table.setdefault(r["client"], {})[r["check"]] = "passed" if r["ok"] else "FAILED"
        if not r["ok"]:
            failures.append(r)
        print(f"{r['client']}: {r['check']} {'passed' if r['ok'] else 'FAILED'} {r.get('note') or ''}", file=sys.stderr)
    print(f"{'':26}" + "".join(f"{c:12}" for c in CHECKS))
    for client, cells in table.items():
        print(f"{client:26}" + "".join(f"{cells.get(c, '–'):12}" for c in CHECKS))
    return not failures


def langchain(folder, env):
    """LangChain's suite prints its own summary."""
    if CLIENTS and not any(w in "langchain-tests" for w in CLIENTS):
        return True
    command = [
        folder / "venv/bin/python", "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session", "-p", "no:cacheprovider", "--allow-hosts=127.0.0.1", "--tb=line",
        HERE / "test_langchain.py",
    ]
    return subprocess.run(command, env=env).returncode == 0


def judge(folder, recorded):
    """The specification's models say whether what came is as they are."""
    command = [folder / "venv/bin/python", HERE / "judge.py", recorded, *HERE.parent.glob("testdata/*.sse")]
    return subprocess.run(command, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}).returncode == 0


def fuzz(folder, binary, scratch):
    """schemathesis asks a node of its own, whose answers are short, for all that openapi.yaml describes."""
    phases = ["--phases", "coverage", "--max-time", "30"] if SMALL else ["--max-time", "120"]
    with serving(binary, scratch / "fuzzed", "--max-tokens", "4") as port:
        command = [
            folder / "venv/bin/schemathesis", "--config-file", HERE / "schemathesis.toml", "run", *phases, "--no-color",
            "--continue-on-failure", "--url", f"http://127.0.0.1:{port}", HERE.parent / "openapi.yaml",
        ]
        env = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, cwd=scratch, env=env).returncode == 0


main()
