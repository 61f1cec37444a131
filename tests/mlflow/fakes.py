# SPDX-License-Identifier: MIT
"""Servers that are not MLflow's, or MLflow's with a fault. The first part of a path chooses the
fault: http://127.0.0.1:PORT/KIND."""

import http.server
import json
import threading
import time

ESCAPE = "\x1b[31m"
KINDS = [
    "html",
    "huge",
    "empty",
    "list",
    "deep",
    "endless",
    "reset",
    "ids",
    "long-id",
    "echo",
    "redirect",
    "half",
]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, text, **headers):
        body = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def endless(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while True:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)

    def like_mlflow(self, ids, put_status=200):
        """Answers as MLflow does, with ids of our choice."""
        if self.command == "PUT":
            return self.answer(
                put_status, "" if put_status == 200 else '{"message": "the store is full"}'
            )
        call = self.path.split("?")[0].split("/mlflow/")[-1]
        info = {"run_id": ids, "artifact_uri": "mlflow-artifacts:/1/r/artifacts"}
        answers = {
            "experiments/get-by-name": {"experiment": {"experiment_id": ids}},
            "runs/search": {},
            "runs/create": {"run": {"info": info}},
        }
        return self.answer(200, json.dumps(answers.get(call, {})))

    def handle_any(self):
        kind = self.path.split("/")[1]
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        self.server.note(kind, self)
        if kind == "html":
            self.answer(200, f"<html>{ESCAPE} sign in</html>")
        elif kind == "huge":
            self.answer(200, " " * 5_000_000)
        elif kind == "empty":
            self.answer(200, "")
        elif kind == "list":
            self.answer(200, "[]")
        elif kind == "deep":
            self.answer(200, '{"a":' * 100_000 + "1" + "}" * 100_000)
        elif kind == "endless":
            self.endless()
        elif kind == "reset":
            self.close_connection = True
        elif kind == "ids":
            self.like_mlflow(f"1{ESCAPE}")
        elif kind == "long-id":
            self.like_mlflow("1" * 100_000)
        elif kind == "echo":
            login = self.headers.get("Authorization")
            message = f"{ESCAPE} not with {login} or {self.server.password}"
            self.answer(403, json.dumps({"message": message}))
        elif kind == "redirect":
            self.answer(307, "", Location=self.path.replace("/redirect/", "/elsewhere/"))
        elif kind == "half" and "log-batch" in self.path:
            self.answer(200, "<html>sign in</html>")
        elif kind == "store":
            self.like_mlflow("1", put_status=500)
        else:
            self.like_mlflow("1")

    do_GET = do_POST = do_PUT = handle_any


class Fakes(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, password):
        super().__init__(("127.0.0.1", 0), Handler)
        self.password = password
        self.seen = []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Ignores clients that went away."""

    def note(self, kind, request):
        with self.lock:
            self.seen.append(
                (kind, request.command, request.path, request.headers.get("Authorization"))
            )

    def uri(self, kind):
        return f"http://127.0.0.1:{self.server_port}/{kind}"
