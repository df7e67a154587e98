"""A real PostgreSQL of a test's own, which ends with it."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType

# The user that the server runs as where we are root, which it refuses to be.
USER = "postgres"


class Postgres:
    """A running server on a free port of the loopback interface."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="postgres-")
        data = Path(self._directory.name, "data")
        if os.geteuid() == 0:
            shutil.chown(self._directory.name, USER)
        subprocess.run(
            [*_program("initdb"), "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        port = _free_port()
        command = [*_program("postgres"), "-D", data, "-k", self._directory.name, "-p", str(port)]
        for setting in ("listen_addresses=127.0.0.1", "fsync=off", "synchronous_commit=off", "lc_messages=C"):
            command += ["-c", setting]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said = ""
        while "ready to accept connections" not in said:
            line = self._process.stderr.readline()
            said += line
            if not line:
                raise RuntimeError(f"PostgreSQL ended:\n{said}")
        # Somebody must read on, or the server would wait when the pipe is full.
        self._log = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._log.start()
        self.dsn = f"host=127.0.0.1 port={port} user=postgres"

    def __enter__(self) -> "Postgres":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # At once: it would wait for its clients otherwise.
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self._log.join()
        self._directory.cleanup()


def _program(name: str) -> list[str]:
    """A program of PostgreSQL, and who runs it. Debian keeps them out of the PATH."""
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    if found is None:
        raise RuntimeError(f"there is no `{name}`; install PostgreSQL, as by `apt-get install postgresql`")
    if os.geteuid() != 0:
        return [found]
    # It ends with the test, however that ends; INT ends it at once.
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--pdeathsig=INT", found]


def _free_port() -> int:
    """Only to learn a free port; the server takes it a moment later."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
