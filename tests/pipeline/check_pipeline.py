# SPDX-License-Identifier: MIT
"""Runs the installed cow-pipeline with recordings and cameras. Speaks TAP.

check_pipeline.py BUILD [POINT...]
"""

import csv
import http.server
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(1, str(SOURCE / "tests" / "report"))
import points  # noqa: E402

LIMIT_S = 120


class Camera:
    """cow-demo-camera, which comes back at the port that it had."""

    started = []

    def __init__(self):
        self.url = self.process = None
        self.on()

    def on(self):
        port = re.search(r":(\d+)/", self.url)[1] if self.url else "0"
        self.process = subprocess.Popen(
            [BUILD / "pipelines/demo/cow-demo-camera", "--port", port],
            stdout=subprocess.PIPE,
            text=True,
        )
        Camera.started.append(self.process)
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the camera does not listen"

    def off(self):
        self.process.kill()
        self.process.wait()


class Program:
    """A cow-pipeline whose output is watched."""

    def __init__(self, test, words, **more):
        self.output = test.folder / f"output-{time.monotonic_ns()}"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [test.program, *map(str, words)],
                cwd=test.folder,
                stdin=subprocess.DEVNULL,
                **{
                    "env": test.environment,
                    "stdout": output,
                    "stderr": subprocess.STDOUT,
                    **more,
                },
            )

    def said(self):
        return self.output.read_text(errors="replace")

    def wait(self, pattern, n=1):
        """Until lines of what it has said since the last call have the pattern n times."""
        begun, seen = time.monotonic(), getattr(self, "seen", 0)
        while True:
            text, at = self.said(), seen
            for _ in range(n):
                found = re.compile(pattern).search(text, at)
                at = found.end() if found else -1
                if not found:
                    break
            if at >= 0:
                self.seen = at
                return
            assert self.process.poll() is None, f"it ended without {pattern}:\n{text[-2000:]}"
            assert time.monotonic() - begun < LIMIT_S, f"no {pattern} in:\n{text[-2000:]}"
            time.sleep(0.1)

    def end(self, expected, by=None):
        if by:
            self.process.send_signal(by)
        status = self.process.wait(LIMIT_S)
        assert status == expected, f"status {status} instead of {expected}:\n{self.said()[-2000:]}"
        return self.said()


class Test:
    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        found = [p for p in root.rglob("cow-pipeline") if p.parent.name == "bin"]
        assert len(found) == 1, found
        self.program = found[0]
        # Nothing of the tree, and nothing that an older installation may have left.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GST_", "COW", "JOURNAL_", "NOTIFY_"))
        }
        self.environment.update(
            GST_REGISTRY=str(root / "registry"),
            GST_REGISTRY_FORK="no",
            COWBEHAVIOR_PATH=str(SOURCE / "pipelines/demo/model"),
            LC_ALL="C.UTF-8",
        )

    def plugins(self):
        """For programs that do not look for them where cow-pipeline does."""
        plugin = next(self.root.rglob("libgstcowbehavior.so"))
        return {**self.environment, "GST_PLUGIN_PATH": str(plugin.parent)}

    def run(self, *words, status=0):
        return Program(self, words).end(status)

    def start(self, *words, **more):
        return Program(self, ["--decoder", "software", *words], **more)


def install(root):
    subprocess.run(
        ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root]
        + ["--tags", "runtime,systemd"],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def video(test):
    path = test.folder / "barn 1.mp4"
    if not path.exists():
        render = BUILD / "pipelines/demo/cow-render-barn"
        subprocess.run([render, "video", path, "--seconds", "2"], check=True, capture_output=True)
    return path


def frames_of(path):
    """How many pictures of a recording can be played."""
    done = subprocess.run(
        ["gst-launch-1.0", "-v", "filesrc", f"location={path}", "!", "decodebin", "!"]
        + ["fakesink", "silent=false", "sync=false"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done.stdout.count("chain ")


def rows(text):
    lines = list(csv.reader(text.splitlines()))
    head = next((i for i, line in enumerate(lines) if line[:2] == ["source", "zone"]), None)
    assert head is not None, f"no table in:\n{text}"
    return [dict(zip(lines[head], line)) for line in lines[head + 1 :] if len(line) > 10]


# ---- recordings ----------------------------------------------------------------------------------


def check_table(test):
    """Printed, and in a file; named after the recording, or as it is said."""
    found = rows(test.run(video(test), "inference-interval=10"))
    assert len(found) == 3 and {row["source"] for row in found} == {"barn 1"}, found
    test.run(video(test), "--zones", "a=0,0,0.5,1; b=0.5,0,0.5,1", "--file", "t.csv", "--name", "n")
    found = rows((test.folder / "t.csv").read_text())
    assert {(row["source"], row["zone"]) for row in found} == {("n", "a"), ("n", "b")}, found


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def check_everything_at_once(test):
    """Two recordings, a playlist, a file and an endpoint."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.got = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/events"
    name = f"labelled-{time.strftime('%Y')}.mp4"
    test.run(
        *(video(test), "inference-interval=10", "--mp4", "labelled-%Y.mp4", "--hls", "hls"),
        *("--to", "videoconvert ! jpegenc ! multifilesink location=p%03d.jpg"),
        *("--http", address, "--file", "events.jsonl"),
    )
    server.shutdown()
    assert frames_of(test.folder / name) == 30
    assert "#EXT-X-ENDLIST" in (test.folder / "hls/index.m3u8").read_text()
    assert frames_of(test.folder / "hls/segment00000.ts") == 30
    assert len(list(test.folder.glob("p*.jpg"))) == 30
    assert len((test.folder / "events.jsonl").read_text().splitlines()) == 3
    assert sum(body.count(b'"objects"') for body in server.got) == 3, server.got


# ---- cameras -------------------------------------------------------------------------------------


def check_comes_back(test):
    """A camera goes away, and its rows and its recording go on when it is back."""
    camera = Camera()
    program = test.start(camera.url, "--mp4", "camera.mp4", "inference-interval=25", "--name", "c")
    program.wait("\nc,,,", 2)
    camera.off()
    program.wait("again in 1 s")
    camera.on()
    program.wait("gives pictures")
    program.wait("\nc,,,", 6)
    program.end(0, signal.SIGINT)
    camera.off()
    # 26 and some until it went away, and 6 seconds since.
    assert frames_of(test.folder / "camera.mp4") >= 140


def check_one_is_lost(test):
    """Rows of the other go on, and both are on a wall."""
    first, second = Camera(), Camera()
    program = test.start(
        *(first.url, "--name", "pen", second.url, "--name", "yard", "--mp4", "wall.mp4"),
        *("--tile", "320x180", "inference-interval=25"),
    )
    program.wait("\nyard,,,")
    program.wait("\npen,,,")
    second.off()
    program.wait("camera 2, 127.0.0.1.*again in")
    program.wait("\npen,,,", 4)
    program.end(0, signal.SIGTERM)
    first.off()
    assert frames_of(test.folder / "wall.mp4") >= 50


def check_once(test):
    camera = Camera()
    program = test.start("--once", camera.url, "inference-interval=25")
    program.wait("\n127.0.0.1")
    camera.off()
    program.process.wait(LIMIT_S)
    assert "again" not in program.said(), program.said()


# ---- lines of the page ---------------------------------------------------------------------------


def check_plain_lines(test):
    """Those of gst-launch-1.0 in pipelines/README.md, but for addresses and window."""
    page = (SOURCE / "pipelines/README.md").read_text()
    lines = re.findall(r"^    (gst-launch-1\.0 (?:.*\\\n)*.*)$", page, re.MULTILINE)
    assert len(lines) == 4, lines
    shutil.copy(video(test), test.folder / "barn.mp4")
    camera, broker = Camera(), socket.create_server(("127.0.0.1", 0))
    for line in lines:
        line = line.replace("rtsp://HOST/PATH", camera.url).replace("autovideosink", "fakesink")
        line = line.replace("//BROKER", f"//127.0.0.1:{broker.getsockname()[1]}")
        output = test.folder / "said"
        with open(output, "wb") as to:
            process = subprocess.Popen(
                ["bash", "-c", f"exec stdbuf -oL {line}"],
                cwd=test.folder,
                env=test.plugins(),
                stdout=to,
                stderr=subprocess.STDOUT,
            )
        if "rtspsrc" in line:
            begun = time.monotonic()
            while "New clock" not in output.read_text():
                assert time.monotonic() - begun < LIMIT_S, f"{line}\n{output.read_text()}"
                time.sleep(0.1)
            if "mqtt-url" in line:
                broker.settimeout(LIMIT_S)
                assert b"MQTT" in broker.accept()[0].recv(100)
            process.send_signal(signal.SIGINT)
        status = process.wait(LIMIT_S)
        said = output.read_text()
        assert status == 0 and "ERROR" not in said, f"{line}\n{said}"
    camera.off()
    assert len(rows((test.folder / "events.csv").read_text())) == 6
    assert frames_of(test.folder / "labelled.mp4") == 30


# ---- words ---------------------------------------------------------------------------------------


def check_refusals(test):
    """A sentence, and status 2, for words that cannot be right."""
    path = video(test)
    (test.folder / "a.conf").write_text("# remark\n\n  --no-such  x\n")
    (test.folder / "b.conf").write_text("--config b.conf\n")
    for words, sentence in [
        ([], "an address rtsp://... or a recording is needed"),
        (["none.mp4"], "none.mp4: no such file"),
        (["htp:/me:secret@h/x"], "it may hold a password"),
        ([path, path], "is a recording, which is labelled alone"),
        ([path, "--tile", "10x10"], "--tile is for cameras"),
        ([path, "--insecure"], "are for cameras"),
        ([path, "--home-assistant"], "--home-assistant needs --mqtt"),
        ([path, "--name"], "--name needs a value"),
        ([path, "--zoness", "a"], "unknown option --zoness; did you mean --zones?"),
        ([path, "--colour", "red"], "unknown option --colour\n"),
        (["--name", "a"], "an address rtsp://... or a recording is needed"),
        ([path, "--name", "a", "--name", "b"], "--name b has no input"),
        (["rtsp://a/1", "rtsp://a/2", "source=x"], "would be that of all cameras"),
        (["rtsp://a/1", "rtsp://a/2", "--once"], "--once is for one input"),
        (["--config", "a.conf"], "a.conf, line 3: unknown option --no-such"),
        (["--config", "b.conf"], "b.conf, line 1: --config has no place"),
        (["--config", "none.conf"], "none.conf: no such file"),
    ]:
        said = test.run(*words, status=2)
        assert sentence in said, f"{words}: {said}"
        assert "secret" not in said


def check_config(test):
    """The example's lines, for a camera that is there and a file in place of the broker."""
    camera = Camera()
    example = next(test.root.rglob("share/cowbehavior/pipelines/barn.conf")).read_text()
    text = re.sub(r"rtsp://\S+", camera.url.replace("//", "//USER:PASSWORD@"), example)
    text = re.sub(r"--mqtt .*|--home-assistant", "", text) + "inference-interval=25"
    (test.folder / "barn.conf").write_text(text)
    (test.folder / "barn.conf").chmod(0o644)
    program = test.start("--config", "barn.conf", "post-events=classified")
    program.wait("barn.conf may hold a password, and everybody can read it")
    events = test.folder / "events.csv"
    begun = time.monotonic()
    while not events.exists() or not all(
        f"\n{name}," in events.read_text() for name in ("pen 1", "pen 2")
    ):
        assert time.monotonic() - begun < LIMIT_S and program.process.poll() is None, program.said()
        time.sleep(0.2)
    command = pathlib.Path(f"/proc/{program.process.pid}/cmdline").read_text()
    assert "127.0.0.1" not in command, command
    program.end(0, signal.SIGINT)
    camera.off()


# ---- systemd -------------------------------------------------------------------------------------


class Listener:
    """Reads a socket to its end."""

    def __init__(self, own):
        self.own, self.parts = own, []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while data := self.own.recv(65536):
            self.parts.append(data.decode())

    def wait(self, text):
        begun = time.monotonic()
        while text not in "\n".join(self.parts):
            assert time.monotonic() - begun < LIMIT_S, f"no {text} in {self.parts}"
            time.sleep(0.1)


def check_journal(test):
    """Where the standard error is the journal, every line has its level, and the state is told."""
    own, journal = socket.socketpair()
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(test.folder / "notify"))
    lines, states = Listener(own), Listener(notified)
    stream = os.fstat(journal.fileno())
    camera = Camera()
    program = test.start(
        *(camera.url, "rtsp://127.0.0.1:9/x", "inference-interval=25", "--file", "e.csv"),
        stderr=journal,
        env={
            **test.environment,
            "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}",
            "NOTIFY_SOCKET": str(test.folder / "notify"),
        },
    )
    journal.close()
    states.wait("READY=1")
    states.wait("STATUS=1 of 2 cameras give pictures")
    lines.wait("the port is closed; again in 2 s")
    camera.off()
    states.wait("STATUS=0 of 2 cameras give pictures")
    lines.wait("no camera gives pictures")
    program.end(0, signal.SIGTERM)
    states.wait("STOPPING=1")
    lines.thread.join(LIMIT_S)
    found = "".join(lines.parts).splitlines()
    assert all(re.match("<[346]>.", line) for line in found), "\n".join(found)
    for level, words in [
        (6, 'cow-pipeline: camera 1 is "127.0.0.1'),
        (4, "camera 2, 127.0.0.1:9: nothing listens at"),
        (4, "no camera gives pictures"),
    ]:
        assert any(line.startswith(f"<{level}>{words}") for line in found), "\n".join(found)
    said = subprocess.run(
        [test.program], stderr=subprocess.PIPE, env={**test.environment, "JOURNAL_STREAM": "1:1"},
        text=True, check=False,
    )
    assert said.returncode == 2 and said.stderr.startswith("cow-pipeline: "), said.stderr


def check_unit(test):
    """systemd can run it, and finds little that it may do."""
    unit = next(test.root.rglob("cow-pipeline@.service"))
    text = unit.read_text()
    program = re.search(r"ExecStart=(\S+)", text)[1]
    assert test.program == test.root / program[1:], program
    for line in ["Restart=on-failure", "RestartPreventExitStatus=2", "DynamicUser=yes"]:
        assert line in text.splitlines(), line
    if not shutil.which("systemd-analyze"):
        return
    own = test.folder / "cow-pipeline@barn.service"
    own.write_text(text.replace(program, str(test.program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", own], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "cow-pipeline" in line]
    assert not said, "\n".join(said)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", own],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert level and float(level[1]) <= 3, done.stdout[-500:] + done.stderr


CHECKS = [
    ("a recording gives a table", check_table),
    ("everything at once", check_everything_at_once),
    ("a camera goes away and comes back", check_comes_back),
    ("one of two cameras is lost", check_one_is_lost),
    ("a camera once", check_once),
    ("the lines of the page", check_plain_lines),
    ("refusals", check_refusals),
    ("a file of words", check_config),
    ("journal and states", check_journal),
    ("the service", check_unit),
]


def main():
    failed = 0
    checks = [c for c in CHECKS if c[0] in sys.argv[2:] or not sys.argv[2:]]
    with tempfile.TemporaryDirectory(prefix="cow-pipeline-") as place:
        root = pathlib.Path(place) / "root"
        failed += not points.run_check("installs", 1, install, root)
        for number, (title, check) in enumerate(checks, 2):
            folder = pathlib.Path(place) / str(number)
            folder.mkdir()
            failed += not points.run_check(
                title, number, lambda c=check, f=folder: c(Test(root, f))
            )
            while Camera.started:
                Camera.started.pop().kill()
    print(f"1..{len(checks) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
