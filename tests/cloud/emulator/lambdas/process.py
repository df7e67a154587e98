"""One process of a function: it takes one call at a time, and what it uses is measured."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .runtime import Call, RuntimeApi, error

_TICKS = os.sysconf("SC_CLK_TCK")
INIT_SECONDS = 10.0


class Process:
    """A running `bootstrap`."""

    def __init__(self, folder: Path, environment: dict[str, str], log: Callable[[str], None]):
        self._api = RuntimeApi()
        self._log = log
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [folder / "bootstrap"],
            cwd=folder,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait_until_ready(self) -> float:
        """How long it took from its start until it asked for a call, in seconds."""
        ends = self.began + INIT_SECONDS
        while not self._api.ready.wait(0.002) and not self.dead and time.monotonic() < ends:
            pass
        return time.monotonic() - self.began

    def run(self, call: Call) -> tuple[str, bytes]:
        """Lets it work on a call until it answers, ends, or its time is over."""
        self._api.give(call)
        if self.dead:
            return "error", self._exit()
        while True:
            left = call.deadline - time.time()
            if left <= 0:
                self.kill()
                return "timeout", b""
            try:
                return call.outcome.get(timeout=min(left, 1.0))
            except Exception:  # nothing came yet
                continue

    def cpu_seconds(self) -> float:
        """The processor time that it used so far."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_megabytes(self) -> float:
        """The most memory that it had at a time."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return 0.0
        found = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(found[0].split()[1]) / 1024 if found else 0.0

    def kill(self) -> None:
        """Ends it at once."""
        if not self.dead:
            self._process.kill()
        self._process.wait()

    def _follow(self) -> None:
        """Hands its output on, and says when it has ended."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log(line.decode("utf-8", "replace").rstrip("\n"))
        self._process.stdout.close()
        self._process.wait()
        self._api.end("error", self._exit())
        self._api.close()

    def _exit(self) -> bytes:
        code = self._process.poll()
        how = f"signal: {-code}" if code is not None and code < 0 else f"exit status {code}"
        return error("Runtime.ExitError", f"Runtime exited with error: {how}")
