# SPDX-License-Identifier: MIT
"""Runs our programs with secrets in every place that takes one, at GST_DEBUG=9, against servers
that refuse them and repeat what they got, and looks for the secrets in everything that is left
behind or shown: output, logs, graphs, files, command lines and environments of the processes.

check_secrets.py BUILD SOURCE [POINT...]

Speaks TAP. The first points make sure that what leaks is found.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import search
import servers

BUILD, SOURCE = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
sys.path.insert(1, str(SOURCE / "tests" / "mlflow"))
sys.path.insert(1, str(SOURCE / "tests" / "report"))
import pictures  # noqa: E402
import points  # noqa: E402

LIMIT_S = 240
AFTER_S = 1  # when a program has said what is expected, until it is ended by Ctrl+C
# Typed as they are and as %XX.
TYPED = ["Hush-cam#1!x", "Hush%2Dcam%2d2%21"]


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Run:
    def __init__(self, status, output, shown):
        self.status, self.output, self.shown = status, output, shown


class Test:
    def __init__(self, root):
        self.root = root
        self.secrets = search.Secrets()
        self.n = 0
        self.base = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "MLFLOW_", "GST_", "COWBEHAVIOR_"))
            and not name.lower().endswith("_proxy")
        }
        self.base.update(
            LC_ALL="C.UTF-8",
            PATH=f"{BUILD}/pipelines:{BUILD}/trainer:{os.environ['PATH']}",
            GST_PLUGIN_PATH=f"{BUILD}/gst-plugin",
            GST_REGISTRY=f"{root}/registry",
            GST_REGISTRY_FORK="no",
            COWBEHAVIOR_PATH=f"{SOURCE}/pipelines/demo/model",
            CUDA_VISIBLE_DEVICES="",
        )
        subprocess.run(
            ["gst-inspect-1.0", "fakesink"], env=self.base, stdout=subprocess.DEVNULL, check=True
        )

    def folder(self):
        self.n += 1
        folder = self.root / f"run-{self.n}"
        (folder / "dot").mkdir(parents=True)
        return folder

    def start(self, argv, folder, env):
        everything = {
            **self.base,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "GST_DEBUG": "9",
            "GST_DEBUG_FILE": str(folder / "log"),
            "GST_DEBUG_DUMP_DOT_DIR": str(folder / "dot"),
            "G_MESSAGES_DEBUG": "all",
            **env,
        }
        with open(folder / "out", "wb") as output:
            return subprocess.Popen(
                [str(word) for word in argv],
                cwd=folder,
                env=everything,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, argv, words=(), judged="cow-", folder=None, ends=False, **env):
        """Runs it until it ends, or unless it `ends` by itself, until it has said these words. Of
        processes with other names than `judged` the command line is what somebody typed."""
        folder = folder or self.folder()
        process, last = self.start(argv, folder, env), {}
        begun, said = time.monotonic(), None
        while process.poll() is None:
            for pid in search.family(process.pid):
                shown = search.shown_by(self.secrets, pid)
                if shown is not None and search.program_of(pid).startswith(judged):
                    last[pid] = shown
            output = (folder / "out").read_text(errors="replace")
            if words and not ends and all(word in output for word in words):
                said = said or time.monotonic()
                if time.monotonic() - said > AFTER_S:
                    process.send_signal(signal.SIGINT)
                    ends = True
            if time.monotonic() - begun > LIMIT_S:
                process.kill()
                raise TimeoutError(f"{argv[0]} does not end")
            time.sleep(0.02)
        return Run(
            process.returncode,
            (folder / "out").read_text(errors="replace"),
            sorted({line for lines in last.values() for line in lines}),
        )

    def leaks(self, run, folder):
        return run.shown + search.in_files(self.secrets, folder)

    def quiet(self, argv, *words, logs=True, **options):
        """Runs it and expects that it says these words, logs, and leaves no secret anywhere."""
        folder = self.folder()
        run = self.run(argv, words, folder=folder, **options)
        leaks = self.leaks(run, folder)
        for word in words:
            assert word in run.output, f"no \"{word}\" in:\n{run.output[-2000:]}"
        assert not logs or (folder / "log").stat().st_size > 10000, "there is no log"
        assert not leaks, f"{argv[0]}: {', '.join(leaks)}"
        shutil.rmtree(folder)
        return run

    def script(self, name, *words):
        return [SOURCE / "pipelines" / name, *words]


# ---- what leaks is found -------------------------------------------------------------------------


def check_log_is_searched(test):
    """GStreamer's own program logs the line that it runs."""
    folder = test.folder()
    secret = test.secrets.add("Leak-line-3", "u")
    run = test.run(
        [
            "gst-launch-1.0",
            "videotestsrc",
            "num-buffers=1",
            "!",
            "cowpublish",
            f"file={folder}/x",
            f"http-url=http://u:{secret}@127.0.0.1:{closed_port()}/",
            "!",
            "fakesink",
        ],
        folder=folder,
    )
    assert f"{secret} in log" in test.leaks(run, folder)


def check_processes_are_searched(test):
    secret = test.secrets.add("Leak-process-4")
    run = test.run(
        ["sleep", "1", "0", "0"],
        judged="sleep",
        SOME_PASSWORD=secret,
    )
    assert run.shown == [f"{secret} in environ of sleep"], run.shown
    run = test.run(["sh", "-c", f"sleep 1; : {secret}"], judged="")
    assert any("in cmdline" in line for line in run.shown), run.shown


# ---- the element in somebody's program -----------------------------------------------------------


def check_element(test):
    """Login and token at an endpoint and a broker that refuse them, and settings that are wrong."""
    program = BUILD / "tests" / "secrets" / "element"
    add = test.secrets.add
    web, broker = servers.Refusing(), servers.Broker()
    address, secret = f"127.0.0.1:{web.port}/events", add("Hush-url-5", "me")
    test.quiet([program, "http-url", f"http://me:{secret}@{address}"], "answered 401")
    assert any(login.startswith("Basic ") for login in web.logins())
    token = add("Hush-token-6")
    test.quiet([program, "http-url", f"http://{address}", "http-token", token], "answered 401")
    assert f"Bearer {token}" in web.logins()
    test.quiet(
        [program, "http-url", f"http://{address}"],
        "answered 401",
        COWBEHAVIOR_HTTP_TOKEN=add("Hush-variable-7"),
    )
    at_broker = ["mqtt-url", f"mqtt://127.0.0.1:{broker.port}", "mqtt-user", "me"]
    test.quiet(
        [program, *at_broker, "mqtt-password", add("Hush-mqtt-8", "me")], "refuses the connection"
    )
    test.quiet(
        [program, *at_broker],
        "refuses the connection",
        COWBEHAVIOR_MQTT_PASSWORD=add("Hush-mqtt-9", "me"),
    )
    assert any(b"Hush-mqtt-9" in data for data in broker.received)
    login = add("Hush-mqtt-19", "me")
    test.quiet(
        [program, "mqtt-url", f"mqtt://me:{login}@127.0.0.1:{broker.port}"],
        "refuses the connection",
    )
    secret = add("Hush-wrong-10", "me")
    for url in [f"htp://me:{secret}@h/", f"http://me:{secret}@:x/", f"http://me:{secret}@"]:
        test.quiet([program, "http-url", url], "http-url is not an address")
    test.quiet(
        [program, "http-url", f"https://me:{secret}@{address}", "http-ca", "/no/such"], "http-ca"
    )
    test.quiet([program, "http-url", f"https://me:{secret}@no-such-host.invalid/"], "http-url")


# ---- cameras -------------------------------------------------------------------------------------


def check_launch(test):
    """A camera that refuses the login, one that takes it, none at all, and one by HTTP."""
    web = servers.Refusing()
    for typed in TYPED:
        test.secrets.add(typed, "admin")
        right = servers.RtspCamera(f"admin:{search.urllib.parse.unquote(typed)}")
        wrong = servers.RtspCamera("admin:other")
        login = {"COWBEHAVIOR_LOGIN_source1": f"admin:{typed}"}
        for port, words in [
            (right.port, "the camera has no such path"),
            (wrong.port, "user or password is wrong"),
            (closed_port(), "the port is closed"),
        ]:
            source = ["rtspsrc", f"location=rtsp://127.0.0.1:{port}/barn", "name=source1"]
            test.quiet(["cow-launch", *source, "!", "fakesink"], words, **login)
        source = ["souphttpsrc", f"location=http://127.0.0.1:{web.port}/x", "name=source1"]
        test.quiet(["cow-launch", *source, "!", "fakesink"], "user or password is wrong", **login)


def check_queries(test):
    """Some cameras have the login in their address."""
    camera = servers.RtspCamera("nobody:at-all")
    for end in ["?user=admin&password=", "user=admin_password=", "live?token=", "live.sdp?sig="]:
        secret = test.secrets.add(f"Hush-query-{len(end)}")
        location = f"location=rtsp://127.0.0.1:{camera.port}/{end}{secret}"
        test.quiet(
            ["cow-launch", "rtspsrc", location, "!", "fakesink"], "user or password is wrong"
        )
        test.quiet(
            ["cow-reconnect", "--patience", "1", f"rtspsrc {location} ! rtph264depay", "fakesink"],
            "user or password is wrong",
        )
    assert any(secret.encode() in data for data in camera.received)


def check_lines(test):
    """Lines that hold passwords as properties, and lines that cannot be parsed."""
    secret = test.secrets.add("Hush-property-11", "me")
    camera, web, broker = servers.RtspCamera("a:b"), servers.Refusing(), servers.Broker()
    source = f'rtspsrc user-id=me user-pw="{secret}" location=rtsp://127.0.0.1:{camera.port}/x'
    publisher = (
        f"cowpublish http-url=http://me:{secret}@127.0.0.1:{web.port}/ "
        f"mqtt-url=mqtt://127.0.0.1:{broker.port} mqtt-user=me mqtt-password={secret} ! "
        "fakesink"
    )
    test.quiet(["cow-launch", *source.split(), "!", "fakesink"], "user or password is wrong")
    test.quiet(
        ["cow-reconnect", f"{source} ! rtph264depay", publisher], "user or password is wrong"
    )
    test.quiet(["cow-reconnect", f"{source} ! no-such", publisher], "no element")
    test.quiet(["cow-launch", *source.split(), "!", "no-such"], "no element")
    test.quiet(["cow-launch", *source.split(), f"password={secret}"], "no property")


def check_config(test, address, broker):
    """Words in a file: here the command lines and environments of all processes count."""
    config, secret = test.root / "barn.conf", test.secrets.add("Hush-config-20", "me")
    config.write_text(
        f"{address}\n--codec h264\n--mqtt mqtt://me@127.0.0.1:{broker.port}\n"
        f"COWBEHAVIOR_MQTT_PASSWORD={secret}\n"
    )
    config.chmod(0o600)
    test.quiet(
        [BUILD / "pipelines" / "cow-pipeline", "--config", config],
        "user or password is wrong",
        judged="",
    )
    assert any(secret.encode() in data for data in broker.received), "nothing has the password"


def check_scripts(test):
    """Addresses as people type them."""
    web, broker = servers.Refusing(), servers.Broker()
    video = test.root / "broken.mp4"
    video.write_bytes(b"no video")
    for typed in TYPED:
        test.secrets.add(typed, "admin")
        camera = servers.RtspCamera("admin:other")
        address = f"rtsp://admin:{typed}@127.0.0.1:{camera.port}/barn"
        codec = ["--codec", "h264"]  # asking for all takes long with that log
        test.quiet(test.script("rtsp-camera.sh", address, *codec), "user or password is wrong")
        test.quiet(
            test.script(
                "publish.sh", address, *codec, "--mqtt", f"mqtt://me@127.0.0.1:{broker.port}"
            ),
            "user or password is wrong",
            COWBEHAVIOR_MQTT_PASSWORD=test.secrets.add("Hush-script-12", "me"),
        )
        test.quiet(
            test.script("file.sh", f"http://admin:{typed}@127.0.0.1:{web.port}/x.mp4"), "ERROR: "
        )
    test.quiet(test.script("rtsp-many.sh", address, address, *codec), "user or password is wrong")
    check_config(test, address, broker)
    login = test.secrets.add("Hush-endpoint-13", "me")
    test.quiet(
        test.script("publish.sh", video, "--http", f"http://me:{login}@127.0.0.1:{web.port}/"),
        "cow-reconnect: ",
    )


# ---- cow-trainer ---------------------------------------------------------------------------------


def check_mlflow(test):
    """A server that takes the login, one that refuses it, and one that would get it by http."""
    trainer, track = BUILD / "trainer" / "cow-trainer", BUILD / "tests" / "mlflow" / "track"
    pictures.write(test.root / "pictures")
    train = [
        *(trainer, "train", "--recipe", "dinov3-scratch", "--network", "tiny", "--size", "32"),
        *("--data", test.root / "pictures", "--epochs", "1", "--out", "run"),
    ]
    options = {"logs": False, "ends": True, "OMP_NUM_THREADS": "1"}
    secret, token = test.secrets.add("Hush-mlflow-14", "me"), test.secrets.add("Hush-bearer-15")
    takes, refuses = servers.Mlflow(), servers.Refusing()
    address = f"http://me:{secret}@127.0.0.1:{takes.port}"
    test.quiet([*train, "--tracking-uri", address], "MLflow run: ", **options)
    assert any(login.startswith("Basic ") for login in takes.logins())
    assert not test.secrets.find(takes.stored()), "MLflow has stored a secret"
    test.quiet(
        [*train, "--tracking-uri", f"http://127.0.0.1:{refuses.port}"],
        "MLflow at http://127.0.0.1",
        MLFLOW_TRACKING_TOKEN=token,
        **options,
    )
    assert f"Bearer {token}" in refuses.logins()

    # 0.0.0.0 is this machine for a client, but does not say so.
    before, folder = len(takes.logins()), test.folder()
    (folder / "run").mkdir()
    away = f"http://me:{secret}@127.0.0.1:{closed_port()}"
    test.run([track, "run", "2", "0", "1"], folder=folder, MLFLOW_TRACKING_URI=away)
    assert not search.in_files(test.secrets, folder / "run")
    run = test.run(
        [trainer, "track", "run", "--uri", f"http://0.0.0.0:{takes.port}", "--wait", "5"],
        folder=folder,
        MLFLOW_TRACKING_USERNAME="me",
        MLFLOW_TRACKING_PASSWORD=secret,
    )
    assert run.status == 1 and "is not sent, because that is not https" in run.output, run.output
    assert len(takes.logins()) == before, "the login went there"
    run = test.run([trainer, "track", "run", "--uri", address], folder=folder)
    assert run.status == 0 and "MLflow has all of it now" in run.output, run.output
    leaks = test.leaks(run, folder)
    assert not leaks, leaks


def check_hub(test):
    """The hub's token, and the login of a proxy."""
    trainer, hub = BUILD / "trainer" / "cow-trainer", servers.Refusing()
    token, login = test.secrets.add("hf_Hush16"), test.secrets.add("Hush-proxy-17", "me")
    fetch = [trainer, "fetch", "farm/model", "--out", "model", "--endpoint"]
    here, elsewhere = f"http://127.0.0.1:{hub.port}", f"http://0.0.0.0:{hub.port}"
    options = {"logs": False, "ends": True, "HF_TOKEN": token}
    test.quiet([*fetch, here], "is gated", **options)
    assert f"Bearer {token}" in hub.logins()
    n = len(hub.logins())
    test.quiet([*fetch, elsewhere], "the token was not sent", **options)
    assert f"Bearer {token}" not in hub.logins()[n:]
    test.quiet(
        [*fetch, "http://hub.invalid"],
        "",
        http_proxy=f"http://me:{login}@127.0.0.1:{hub.port}",
        **options,
    )


# ---- memory --------------------------------------------------------------------------------------


def check_memory(test):
    """A core file would hold a secret because memory does, and nothing that others can read."""
    secret, mute, folder = test.secrets.add("Hush-memory-18", "me"), servers.Mute(), test.folder()
    process = test.start(
        [
            "cow-reconnect",
            f"rtspsrc name=source1 location=rtsp://127.0.0.1:{mute.port}/x ! rtph264depay",
            "fakesink",
        ],
        folder,
        {"COWBEHAVIOR_LOGIN_source1": f"me:{secret}", "COWBEHAVIOR_HTTP_TOKEN": secret},
    )
    try:
        limit = time.monotonic() + LIMIT_S
        while not mute.received:
            assert time.monotonic() < limit and process.poll() is None
            time.sleep(0.05)
        kinds = search.in_memory(test.secrets, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT_S)
    assert kinds == {"private"}, kinds
    assert not search.in_files(test.secrets, folder)


CHECKS = [
    ("what is in a log is found", check_log_is_searched),
    ("what processes show is found", check_processes_are_searched),
    ("element", check_element),
    ("cow-launch", check_launch),
    ("queries", check_queries),
    ("lines", check_lines),
    ("scripts", check_scripts),
    ("mlflow", check_mlflow),
    ("hub", check_hub),
    ("memory", check_memory),
]


def run_check(title, number, check, root):
    """Each in a folder of its own."""
    folder = root / str(number)
    folder.mkdir()
    passed = points.run_check(title, number, lambda: check(Test(folder)))
    shutil.rmtree(folder)
    return passed


def main():
    checks = [c for c in CHECKS if c[0] in sys.argv[3:] or not sys.argv[3:]]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cow-secrets-") as root:
        for number, (title, check) in enumerate(checks, 1):
            failed += not run_check(title, number, check, pathlib.Path(root))
    print(f"1..{len(checks)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
