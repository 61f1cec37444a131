# SPDX-License-Identifier: MIT
"""Run tracking with a real MLflow server on the loopback, read through MLflow's own client, and
with servers that are not MLflow's.

check_mlflow.py TRACK COW_TRAINER [POINT...]

The server is started twice, on one port and one database: first with MLflow's basic-auth
application, then, after it was killed during a run, without. Speaks TAP. With names of points only
those are checked, in their order.
"""

import base64
import csv
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import fakes
import pictures

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))
import points  # noqa: E402

TRACK, TRAINER = (os.path.abspath(p) for p in sys.argv[1:3])
USER, PASSWORD = "admin", "Cud-chewing-4-ever"
READER, READER_PASSWORD = "milker", "Only-looking-at-it-7"
PATIENCE_S = 170  # limit for a server to start on a busy machine


def environment(**more):
    """Our environment without variables of MLflow and proxies."""
    clean = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("MLFLOW_") and not k.lower().endswith("_proxy")
    }
    return {**clean, "LC_ALL": "C.UTF-8", **{k: str(v) for k, v in more.items() if v is not None}}


def login(user=USER, password=PASSWORD):
    return {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}


def die_with_the_test():
    """Of the child: the server and its workers do not outlive this program, however that ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Server:
    """An mlflow server that stores everything below a folder."""

    def __init__(self, folder):
        self.folder, self.process = folder, None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self, auth):
        config = self.folder / "auth.ini"
        config.write_text(
            f"[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{self.folder}/auth.db\n"
            f"admin_username = {USER}\nadmin_password = {PASSWORD}\nauth_cache_ttl_seconds = 60\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--workers",
            "1",
        ]
        command += [
            "--backend-store-uri",
            f"sqlite:///{self.folder}/mlflow.db",
            "--artifacts-destination",
            str(self.folder / "artifacts"),
        ]
        more = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        if auth:
            command += ["--app-name", "basic-auth"]
            more |= {
                "MLFLOW_AUTH_CONFIG_PATH": config,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "of this test",
            }
        log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_the_test,
        )

    def wait(self):
        """Waits until it answers."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise RuntimeError(
            "the MLflow server did not start: " + (self.folder / "server.log").read_text()[-2000:]
        )

    def signal(self, number):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def call(self, method, path, body, user=USER, password=PASSWORD):
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        request = urllib.request.Request(
            self.uri + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Basic {pair}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


class Test:
    """Shared by the points: the server, fakes, folders, MLflow's client."""

    def __init__(self, root):
        self.root, self.folders = root, 0
        (root / "server").mkdir()
        self.server = Server(root / "server")
        self.fakes = fakes.Fakes(PASSWORD)
        self.pictures = root / "pictures"
        pictures.write(self.pictures)

    def folder(self):
        self.folders += 1
        path = self.root / f"run {self.folders}"
        path.mkdir()
        return path

    def client(self):
        import mlflow

        return mlflow.MlflowClient(self.server.uri)

    def runs(self, experiment):
        """The runs of an experiment, newest first."""
        client = self.client()
        found = client.get_experiment_by_name(experiment)
        return client.search_runs([found.experiment_id]) if found else []

    def history(self, run, name):
        return [
            (m.step, m.value)
            for m in sorted(
                self.client().get_metric_history(run.info.run_id, name), key=lambda m: m.step
            )
        ]


class Run:
    """A finished process: its status and output."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def expect(self, status, *words):
        text = self.out + self.err
        assert self.status == status, f"exit status {self.status}, expected {status}: {text}"
        for word in words:
            assert word in text, f"{word!r} was not said: {text}"
        for secret in [PASSWORD, READER_PASSWORD]:
            assert secret not in text, f"a password was shown: {text}"
        assert all(
            c.isprintable() or c in "\n\xa0" for c in text
        ), f"control characters were shown: {text!r}"
        return self


def start(command, env):
    return subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, timeout=PATIENCE_S + 60):
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Run(process.returncode, out, err)


def track(folder, epochs, *words, pause=0, uri=None, experiment=None, **more):
    env = environment(MLFLOW_TRACKING_URI=uri, MLFLOW_EXPERIMENT_NAME=experiment, **more)
    return start([TRACK, str(folder), str(epochs), str(pause), *(str(w) for w in words)], env)


def send_rest(folder, *options, **more):
    return finish(start([TRAINER, "track", str(folder), *options], environment(**more)))


def train(test, folder, *words, **more):
    """`cow-trainer train`, on pictures that it learns in a second."""
    command = [TRAINER, "train", *words]
    if "--resume" not in words:
        command += [
            "--recipe",
            "dinov3-scratch",
            "--network",
            "tiny",
            "--data",
            str(test.pictures),
            "--size",
            "32",
            "--out",
            str(folder),
        ]
    return start(command, environment(OMP_NUM_THREADS=2, OMP_WAIT_POLICY="passive", **more))


def columns(folder):
    """The columns of results.csv."""
    with open(folder / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def no_secret_in(folder):
    for path in folder.rglob("*"):
        assert (
            not path.is_file() or PASSWORD.encode() not in path.read_bytes()
        ), f"the password is in {path}"


def expect_epochs(test, run, epochs):
    """Each epoch's loss is there. A resumed run logs some epochs twice, and MLflow keeps both."""
    found = set(test.history(run, "train_loss"))
    assert found >= {
        (e, 2 / e) for e in range(1, epochs + 1)
    }, f"epochs are missing: {sorted(found)}"


# ---- While no server is there --------------------------------------------------------------------


def check_no_tracker(test):
    """Without a server's address nothing is written."""
    folder = test.folder()
    finish(track(folder, 2)).expect(0)
    assert not list(folder.glob("mlflow*"))
    send_rest(folder).expect(1, "its run was not tracked")
    finish(track(folder, 2, uri="file:///tmp/mlruns")).expect(0, "the run is not tracked", "file")


def check_never_there(test):
    """The run finishes, and its folder keeps what it logged."""
    test.left, test.left_training = test.folder(), test.root / "trained"
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        uri = f"http://{USER}:{PASSWORD}@127.0.0.1:{s.getsockname()[1]}"
    # When it is done it waits half a minute for the server, so it is checked later.
    test.training = train(
        test, test.left_training, "--epochs", "3", "--tracking-uri", uri, "--experiment", "trained"
    )
    finish(track(test.left, 30, 8, uri=uri, experiment="left")).expect(
        3,
        "cannot be reached",
        "the run goes on",
        "has not got all yet",
        f"cow-trainer track {test.left}",
    )
    send_rest(test.left, "--wait", "4").expect(1, "still waits for MLflow", "cannot be reached")
    send_rest(test.left, "--wait", "0").expect(2, "--wait")
    no_secret_in(test.left)


def check_fakes(test):
    """Servers that are not MLflow's, or hostile, end no run. They do not get the login twice, and
    no control character of theirs reaches the terminal."""
    processes = {}
    for kind in fakes.KINDS:
        processes[kind] = (
            test.folder(),
            track(test.folder(), 1, 6, uri=test.fakes.uri(kind), **login()),
        )
    for kind, (_, process) in processes.items():
        run = finish(process).expect(3, "has not got all yet")
        words = {
            "html": "does not speak as an MLflow server",
            "huge": "longer than",
            "empty": "does not speak",
            "list": "does not speak",
            "deep": "does not speak",
            "ids": "has no experiment_id",
            "long-id": "has no experiment_id",
            "echo": "answered 403:  [31m not with Basic *** or ***".replace("  ", " "),
            "redirect": "redirects elsewhere",
            "half": "does not speak",
        }.get(kind, "")
        assert words in run.err, f"{kind}: {run.err}"
    kinds = [kind for kind, *_ in test.fakes.seen]
    assert "elsewhere" not in kinds, "a redirect was followed"
    assert set(kinds) >= set(fakes.KINDS)


def check_broken_store(test):
    """A server that cannot store files gets everything else."""
    folder = test.folder()
    finish(track(folder, 2, 60, uri=test.fakes.uri("store"))).expect(
        0, "left out of the MLflow run", "the store is full"
    )
    calls = [
        (method, path.split("/mlflow/")[-1])
        for kind, method, path, _ in test.fakes.seen
        if kind == "store"
    ]
    assert calls[-1] == ("POST", "runs/update"), calls[-3:]
    assert (
        sum(method == "PUT" for method, _ in calls) == 5
    ), calls  # three times the first of three files, once the others


def check_foreign_folder(test):
    """A folder from elsewhere gets neither the login of the user's own server nor foreign files."""
    folder = test.folder()
    finish(track(folder, 1, 0.01, uri="http://127.0.0.1:1")).expect(3)
    secret = test.root / "secret"
    secret.write_text("of the user")
    (folder / "link").symlink_to(secret)
    state = json.loads((folder / "mlflow.json").read_text())
    (folder / "mlflow.json").write_text(json.dumps({**state, "uri": test.fakes.uri("foreign")}))
    with open(folder / "mlflow-spool.jsonl", "a") as lines:
        for path in ["../secret", str(secret), "link", "best/../../secret", "results.csv"]:
            lines.write(json.dumps({"artifact": {"file": path, "name": "x"}}) + "\n")
        lines.write('nonsense\n{"artifact": 7}\n{"metric": []}\n{"status": {}}\n')
    run = send_rest(folder, **login()).expect(0, "MLflow has all of it now")
    assert run.err.count("is not a file of the run's folder") == 4, run.err
    seen = [s for s in test.fakes.seen if s[0] == "foreign"]
    assert (
        sum(method == "PUT" for _, method, _, _ in seen) == 4
    ), seen  # the run's three and results.csv
    assert all(
        authorisation is None for *_, authorisation in seen
    ), "the login went to a server that only the folder names"
    for damage in [
        "{}",
        "[",
        json.dumps({**state, "key": "x' OR 1=1"}),
        json.dumps({**state, "uri": "file:///etc"}),
    ]:
        (folder / "mlflow.json").write_text(damage)
        assert send_rest(folder).expect(1).err.count("\n") == 1


# ---- With a login --------------------------------------------------------------------------------


def check_login(test):
    """401 and 403 are explained. The login comes from the environment or the address, and is
    written nowhere."""
    uri, folder = test.server.uri, test.folder()
    advice = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    finish(track(folder, 1, 60, uri=uri, experiment="login")).expect(3, "answered 401", advice)
    finish(
        track(folder, 1, 60, "resume", uri=uri, experiment="login", **login(password="wrong"))
    ).expect(3, "answered 401", advice)
    send_rest(folder, **login()).expect(1, "answered 401", "give --uri or MLFLOW_TRACKING_URI")
    no_secret_in(folder)
    with_login = uri.replace("//", f"//{USER}:{PASSWORD}@")
    finish(track(folder, 2, 60, "resume", uri=with_login, experiment="login")).expect(0)
    no_secret_in(folder)
    (run,) = test.runs("login")
    expect_epochs(test, run, 2)
    assert run.info.status == "FINISHED"


def check_not_allowed(test):
    """A user may only read."""
    test.server.call(
        "POST", "/api/2.0/mlflow/users/create", {"username": READER, "password": READER_PASSWORD}
    )
    finish(
        track(
            test.folder(),
            1,
            60,
            uri=test.server.uri,
            experiment="login",
            **login(READER, READER_PASSWORD),
        )
    ).expect(3, "answered 403", "this user may not write there")
    assert len(test.runs("login")) == 1


def check_content(test):
    """Parameters, metrics by epoch and files are those that were logged."""
    folder = test.folder()
    finish(track(folder, 4, 60, uri=test.server.uri, experiment="content", **login())).expect(
        0, "MLflow run: "
    )
    client = test.client()
    (run,) = test.runs("content")
    assert (
        run.info.run_name == "a run: of run.sh"
        and run.info.status == "FINISHED"
        and run.info.end_time >= run.info.start_time
    )
    params = run.data.params
    assert (
        params["recipe"] == "qlora-q-r8"
        and params["class names _9_"] == "Lying"
        and params["epochs"] == "4"
    )
    assert (
        params["long"] == "x" * 6000
        and all(params[f"setting.{i}"] == "on" for i in range(250))
        and len(params) == 255
    )
    assert test.history(run, "train_loss") == [(e, 2 / e) for e in range(1, 5)]
    assert test.history(run, "val_acc") == [(e, 1 - 1 / e) for e in range(1, 5)]
    # JSON has no NaN, and MLflow's database keeps it in a column of its own.
    gradients = test.history(run, "gradient_norm")
    assert (
        [step for step, _ in gradients] == [1, 2, 3, 4]
        and gradients[0][1] != gradients[0][1]
        and gradients[1][1] == 1
    ), gradients
    for name in [
        "best/adapter_model.safetensors",
        "best/plots of a run/confusion.svg",
        "tables/results.csv",
    ]:
        stored = client.download_artifacts(run.info.run_id, name, str(test.folder()))
        assert (
            pathlib.Path(stored).read_bytes() == (folder / name.replace("tables/", "")).read_bytes()
        ), name
    assert not (folder / "mlflow-spool.jsonl").read_bytes(), "the spool keeps what was sent"
    send_rest(folder, **login()).expect(0, "nothing waits")


def expect_training(test, run, folder, epochs):
    """The run shows the values of results.csv."""
    for name, values in columns(folder).items():
        if name in ["train_loss", "val_loss", "val_acc", "learning_rate", "grad_norm"]:
            found = test.history(run, name)
            assert [step for step, _ in found] == list(range(1, epochs + 1)), f"{name}: {found}"
            for (_, value), expected in zip(found, values, strict=True):
                assert abs(value - expected) <= 1e-6 * abs(
                    expected
                ), f"{name}: {found}, results.csv has {values}"
    assert run.data.params["recipe"] == "dinov3-scratch" and run.data.params["network"] == "tiny"
    assert run.info.status == "FINISHED"


def check_training(test):
    """`cow-trainer train`: settings, epochs and files of a run, and the same run resumed."""
    folder, uri = test.root / "training", test.server.uri.replace("//", f"//{USER}:{PASSWORD}@")
    finish(
        train(
            test,
            folder,
            "--epochs",
            "3",
            "--tracking-uri",
            uri,
            "--experiment",
            "training",
            "--run-name",
            "stripes",
        )
    ).expect(0)
    (run,) = test.runs("training")
    assert run.info.run_name == "stripes"
    expect_training(test, run, folder, 3)
    client = test.client()
    stored = {
        a.path
        for place in [None, "best", "plots"]
        for a in client.list_artifacts(run.info.run_id, place)
    }
    wanted = {
        "recipe.ini",
        "results.csv",
        "best/cowbehavior.json",
        "best/model.safetensors",
        "plots/loss.svg",
        "plots/accuracy.png",
    }
    assert stored >= wanted, f"of {sorted(wanted)} only {sorted(stored)} are there"
    card = pathlib.Path(
        client.download_artifacts(run.info.run_id, "best/cowbehavior.json", str(test.folder()))
    )
    assert card.read_bytes() == (folder / "best/cowbehavior.json").read_bytes()
    no_secret_in(folder)

    finish(train(test, folder, "--resume", str(folder), "--epochs", "5", **login())).expect(0)
    (again,) = test.runs("training")
    assert again.info.run_id == run.info.run_id
    expect_training(test, again, folder, 5)


def check_resume(test):
    """A run that died resumes under its id; the rest is stored even if a parameter has changed."""
    folder, uri = test.folder(), test.server.uri
    live = track(folder, 1000, pause=0.1, uri=uri, experiment="resume", **login())
    while (
        not (folder / "mlflow.json").exists()
        or "run_id" not in (folder / "mlflow.json").read_text()
    ):
        assert live.poll() is None, "the run is over"
        time.sleep(0.05)
    live.kill()
    live.communicate()
    (run,) = test.runs("resume")
    assert run.info.status == "RUNNING"
    moved = folder.rename(test.root / "moved")
    finish(track(moved, 6, 60, "resume", uri=uri, experiment="ignored", **login())).expect(
        0, "left out of the MLflow run"
    )
    (again,) = test.runs("resume")
    assert (
        again.info.run_id == run.info.run_id
        and again.info.status == "FINISHED"
        and again.data.params["epochs"] == "1000"
    )
    expect_epochs(test, again, 6)
    finish(track(moved, 1, 60, uri=uri, experiment="resume", **login())).expect(0)
    assert len(test.runs("resume")) == 2, "a run that is not resumed is a new one"


def check_two_at_once(test):
    """A run that is still logging keeps its folder to itself."""
    folder = test.folder()
    live = track(folder, 50, 60, pause=0.2, uri=test.server.uri, experiment="two", **login())
    while not (folder / "mlflow.json").exists():
        time.sleep(0.05)
    try:
        send_rest(folder, **login()).expect(1, "another process is logging this run")
        send_rest(folder, "--uri", test.server.uri, **login()).expect(
            1, "another process is logging this run"
        )
    finally:
        live.kill()
        live.communicate()


def check_host(test):
    """MLflow checks the host name in requests."""
    uri = test.server.uri.replace("127.0.0.1", "barn.localhost")
    finish(track(test.folder(), 1, 60, uri=uri, **login())).expect(
        3, "answered 403", "--allowed-hosts"
    )


# ---- Outages -------------------------------------------------------------------------------------


def check_killed_under_a_run(test):
    """The server is killed during a run and comes back: nothing is lost."""
    live = track(
        test.folder(),
        40,
        PATIENCE_S,
        pause=0.25,
        uri=test.server.uri,
        experiment="outage",
        **login(),
    )
    while not any(run.data.metrics for run in test.runs("outage")):
        time.sleep(0.1)
    test.server.kill()
    test.server.start(auth=False)
    test.server.wait()
    finish(live).expect(0)
    (run,) = test.runs("outage")
    assert test.history(run, "train_loss") == [
        (e, 2 / e) for e in range(1, 41)
    ], "lines are missing or twice there"
    assert run.info.status == "FINISHED"


def check_left(test):
    """What a run could not send is sent later, to another address than the original one."""
    send_rest(test.left, "--uri", test.server.uri).expect(0, "MLflow has all of it now")
    (run,) = test.runs("left")
    expect_epochs(test, run, 30)
    assert run.info.status == "FINISHED" and len(run.data.params) == 255
    assert test.client().list_artifacts(run.info.run_id, "best")
    send_rest(test.left).expect(0, "nothing waits")
    finish(test.training).expect(0, "Best: ", "has not got all yet")
    no_secret_in(test.left_training)
    send_rest(test.left_training, "--uri", test.server.uri).expect(0, "MLflow has all of it now")
    (run,) = test.runs("trained")
    expect_training(test, run, test.left_training, 3)


def check_silent_server(test):
    """A server accepts connections and stays silent: the run ends before the server answers
    again."""
    folder = test.folder()
    test.server.signal(signal.SIGSTOP)
    try:
        run = finish(track(folder, 500, 1, uri=test.server.uri, experiment="silent")).expect(
            3, "has not got all yet"
        )
    finally:
        test.server.signal(signal.SIGCONT)
    print(f"# of 501 calls with a silent server, {run.out.strip()}")
    send_rest(folder, "--wait", str(PATIENCE_S)).expect(0)
    (run,) = test.runs("silent")
    expect_epochs(test, run, 500)


CHECKS = [
    ("no tracker", check_no_tracker),
    ("never there", check_never_there),
    ("servers that are none", check_fakes),
    ("a broken store", check_broken_store),
    ("a folder from elsewhere", check_foreign_folder),
    ("the server starts", lambda test: test.server.wait()),
    ("login", check_login),
    ("not allowed", check_not_allowed),
    ("content", check_content),
    ("training", check_training),
    ("resume", check_resume),
    ("two at once", check_two_at_once),
    ("host check", check_host),
    ("killed under a run", check_killed_under_a_run),
    ("left behind", check_left),
    ("a silent server", check_silent_server),
]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is stopped
    checks = [
        (title, check) for title, check in CHECKS if title in sys.argv[3:] or not sys.argv[3:]
    ]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cow-mlflow-") as root:
        test = Test(pathlib.Path(root))
        os.environ.update(login())  # for MLflow's client in this process
        test.server.start(auth=True)
        try:
            for number, (title, check) in enumerate(checks, 1):
                failed += not points.run_check(title, number, check, test)
        finally:
            test.server.kill()
    print(f"1..{len(checks)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
