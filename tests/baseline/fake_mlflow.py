# SPDX-License-Identifier: MIT
"""What of MLflow's server cow-trainer speaks to, kept in memory.

As a program: fake_mlflow.py N COMMAND... runs the command with the server's address in the place
of the word URI, and answers no more after N requests, as a server that went away.
"""

import http.server
import json
import subprocess
import sys
import threading

RUN_ID = "0123456789abcdef0123456789abcdef"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            if self.server.left == 0:
                self.close_connection = True
                return
            self.server.left -= 1
            self.reply(self.server.take(self.command, self.path.split("?")[0], body))

    do_GET = do_POST = do_PUT = handle_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, requests=-1):
        """requests: how many are answered; below 0: all."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.left, self.lock = requests, threading.Lock()
        self.calls = []
        self.params, self.metrics, self.artifacts = {}, [], {}
        self.updates, self.run_ids = [], set()
        self.uri = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that went away is none of ours."""

    def take(self, method, path, body):
        if method == "PUT" and path.startswith(ARTIFACTS):
            self.artifacts[path[len(ARTIFACTS) :]] = body
            return {}
        call, request = path.split("/mlflow/")[-1], json.loads(body or b"{}")
        self.calls.append(call)
        if call == "runs/log-batch":
            self.run_ids.add(request["run_id"])
            self.params.update({p["key"]: p["value"] for p in request.get("params", [])})
            self.metrics += request.get("metrics", [])
        elif call == "runs/update":
            self.run_ids.add(request["run_id"])
            self.updates.append(request)
        info = {"run_id": RUN_ID, "artifact_uri": f"mlflow-artifacts:/1/{RUN_ID}/artifacts"}
        answers = {
            "experiments/get-by-name": {"experiment": {"experiment_id": "1"}},
            "runs/search": {},
            "runs/create": {"run": {"info": info}},
        }
        return answers.get(call, {})


def main(requests, *command):
    server = Server(int(requests))
    words = [server.uri if word == "URI" else word for word in command]
    return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
