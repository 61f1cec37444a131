# SPDX-License-Identifier: MIT
"""Servers on the loopback that our programs log in at. Each refuses at first, repeats what it got
wherever a client may show it, and keeps what it received."""

import base64
import http.server
import json
import socket
import threading
import time


class Tcp:
    """Accepts connections and gives each to `serve` in a thread."""

    def __init__(self):
        self.received = []
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(16)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.guard, args=(client,), daemon=True).start()

    def guard(self, client):
        with client:
            try:
                self.serve(client)
            except OSError:
                pass

    def read(self, client):
        data = client.recv(65536)
        self.received.append(data)
        return data


class RtspCamera(Tcp):
    """Wants a login, says that it has no such path to those who have the right one, and repeats the
    address."""

    def __init__(self, login):
        super().__init__()
        self.login = base64.b64encode(login.encode()).decode()

    def serve(self, client):
        while request := self.read(client).decode(errors="replace"):
            lines = request.split("\r\n")
            sequence = [line for line in lines if line.lower().startswith("cseq:")]
            kind, more = "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"
            if lines[0].startswith("DESCRIBE") and f"Basic {self.login}" in request:
                kind, more = "404 Not Found", f"X-Asked: {lines[0]}\r\n"
            elif lines[0].startswith("DESCRIBE"):
                kind, more = "401 Unauthorized", 'WWW-Authenticate: Basic realm="barn"\r\n'
            client.sendall(f"RTSP/1.0 {kind}\r\n{sequence[0]}\r\n{more}\r\n".encode())


class Broker(Tcp):
    """An MQTT broker that refuses each login."""

    def serve(self, client):
        request = self.read(client)
        is_v5 = request[8:9] == b"\x05"
        client.sendall(b"\x20\x03\x00\x86\x00" if is_v5 else b"\x20\x02\x00\x04")
        self.read(client)


class Mute(Tcp):
    """Takes connections and says nothing."""

    def serve(self, client):
        while self.read(client):
            pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        login = self.headers.get("Authorization", "")
        with self.server.lock:
            self.server.requests.append((self.path, login, body))
        time.sleep(0.2)  # long enough for somebody to look at the client
        status, text, headers = self.server.answer(self.path, login)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_HEAD = do_POST = do_PUT = handle_any


class Web(http.server.ThreadingHTTPServer):
    """`answer` gives status, text and headers for a path and a login."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.lock = [], threading.Lock()
        self.port = self.server_port
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Ignores clients that went away."""

    def logins(self):
        with self.lock:
            return [login for _, login, _ in self.requests]

    def stored(self):
        """What it keeps: paths and bodies, not the headers."""
        with self.lock:
            return b"\n".join(path.encode() + b"\n" + body for path, _, body in self.requests)


class Refusing(Web):
    """Repeats login and address in its refusals and redirections."""

    def answer(self, path, login):
        if len(self.logins()) % 3 == 0:
            return 302, "", {"Location": f"http://u:{login}@127.0.0.1:{self.port}{path}"}
        return (
            401,
            json.dumps({"message": f"not with {login} at {path}", "error": login}),
            {"WWW-Authenticate": 'Basic realm="barn"', "X-Error-Message": f"not with {login}"},
        )


class Mlflow(Web):
    """Takes everything, as MLflow does."""

    def answer(self, path, login):
        info = {"run_id": "1", "artifact_uri": "mlflow-artifacts:/1/r/artifacts"}
        answers = {
            "experiments/get-by-name": {"experiment": {"experiment_id": "1"}},
            "runs/create": {"run": {"info": info}},
        }
        return 200, json.dumps(answers.get(path.split("?")[0].split("/mlflow/")[-1], {})), {}
