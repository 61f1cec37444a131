# SPDX-License-Identifier: MIT
"""Runs programs with faults.c preloaded."""
import errno
import os
import pathlib
import struct
import subprocess
import tempfile

KINDS = (
    "open create read write sync rename close truncate unlink mkdir stat list map allocate lock"
).split()
PATH_BYTES = 1024
LIMIT_S = 120

SHORT = 0  # in place of a number of errno: fewer bytes than were asked for


class Fault:
    """The n-th operation of a kind fails; see faults.c."""

    def __init__(self, kind, n, cause, mode):
        self.kind, self.n, self.cause, self.mode = kind, n, cause, mode

    def __str__(self):
        cause = errno.errorcode[self.cause] if self.cause else "short"
        return f"{self.kind} {self.n} {cause} {self.mode}"

    @classmethod
    def parse(cls, text):
        kind, n, cause, mode = text.split()
        return cls(kind, int(n), SHORT if cause == "short" else getattr(errno, cause), mode)


class Result:
    """What a program said and did: `status` below 0 is a signal, None means that it did not end."""

    def __init__(self, status, out, err, seen, failed, path):
        self.status, self.out, self.err = status, out, err
        self.seen, self.failed, self.path = seen, failed, path


class Runner:
    def __init__(self, library, environment):
        self.library, self.environment = str(library), environment
        self.everything = False

    def run(self, argv, folder, fault=None, log=None, plain=False):
        """Runs it in the folder, whose files are those that count."""
        with tempfile.NamedTemporaryFile(prefix="faults-") as counts:
            size = 8 * (len(KINDS) + 1) + PATH_BYTES
            counts.truncate(size)
            environment = {**self.environment}
            if not plain:
                environment.update(
                    LD_PRELOAD=f"{environment.get('LD_PRELOAD', '')} {self.library}".strip(),
                    COW_FAULTS_COUNTS=counts.name,
                    COW_FAULTS_FOLDER="" if self.everything else str(folder),
                )
            if fault:
                environment["COW_FAULTS"] = f"{fault.kind}:{fault.n}:{fault.cause}:{fault.mode}"
            if log:
                pathlib.Path(log).write_bytes(b"")
                environment["COW_FAULTS_LOG"] = str(log)
            status, out, err = self.wait([str(word) for word in argv], folder, environment)
            data = counts.read(size)
        numbers = struct.unpack_from(f"={len(KINDS) + 1}Q", data)
        path = os.fsdecode(data[-PATH_BYTES:].split(b"\0")[0])
        return Result(status, out, err, dict(zip(KINDS, numbers)), numbers[-1], path)

    @staticmethod
    def wait(argv, folder, environment):
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, err = process.communicate(timeout=LIMIT_S)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            status = None
        return status, out.decode(errors="replace"), err.decode(errors="replace")
