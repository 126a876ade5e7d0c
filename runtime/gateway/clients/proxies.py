"""Proxies that stand between clients and the gateway."""

import json
import re
import select
import socket
import threading


class Proxy:
    """Listens on a port of its own and hands each connection to forward, which does one request."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.attend, args=(client,), daemon=True).start()

    def attend(self, client):
        with client:
            try:
                request = read_request(client)
                if request:
                    with socket.create_connection(("127.0.0.1", self.target)) as server:
                        server.sendall(request)
                        self.forward(client, server, request)
            except OSError:
                pass  # one of them is gone, and the other hears of it

    def forward(self, client, server, request):
        raise NotImplementedError


def read_request(client):
    """A whole request, which says that the connection is closed behind it."""
    request = b""
    while b"\r\n\r\n" not in request:
        data = client.recv(65536)
        if not data:
            return b""
        request += data
    head, body = request.split(b"\r\n\r\n", 1)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while length and len(body) < int(length.group(1)):
        data = client.recv(65536)
        if not data:
            return b""
        body += data
    lines = [l for l in head.split(b"\r\n") if not l.lower().startswith(b"connection:")]
    return b"\r\n".join(lines) + b"\r\nConnection: close\r\n\r\n" + body


class Flaky(Proxy):
    """Drops the connection at the first answer to each request."""

    def __init__(self, target):
        self.seen = set()
        super().__init__(target)

    def forward(self, client, server, request):
        answer = b""
        while data := server.recv(65536):
            answer += data
        body = request.split(b"\r\n\r\n", 1)[1]
        if body not in self.seen:
            self.seen.add(body)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        else:
            client.sendall(answer)


class Recorder(Proxy):
    """Writes down what is answered under /responses, a JSON object a line, for judge.py."""

    def __init__(self, target, path):
        self.file = open(path, "a")
        self.lock = threading.Lock()
        super().__init__(target)

    def forward(self, client, server, request):
        answer = b""
        try:
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready and not client.recv(65536):
                    return  # which cancels the turn
                if server in ready:
                    data = server.recv(65536)
                    if not data:
                        return
                    answer += data
                    client.sendall(data)
        finally:
            method, path, _ = request.split(b" ", 2)
            if b"/responses" in path:
                self.record(method.decode(), path.decode(), answer)

    def record(self, method, path, answer):
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            return
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            body = unchunked(body)
        kind = re.search(rb"(?i)\r\ncontent-type: *([^\r;]+)", head)
        line = {
            "method": method, "path": path, "status": int(head.split()[1]), "type": kind.group(1).decode() if kind else "",
            "body": body.decode(errors="replace"),
        }
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()


def unchunked(body):
    """What came of a chunked body."""
    whole = b""
    while (end := body.find(b"\r\n")) >= 0:
        size = int(body[:end].split(b";")[0] or b"0", 16)
        whole += body[end + 2 : end + 2 + size]
        if size == 0:
            break
        body = body[end + 4 + size :]
    return whole
