"""The processes of one function: as many as there are calls at a time, and used again."""

import io
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .process import Process
from .runtime import Call, error

LARGEST_RESPONSE = 6 * 1024 * 1024


@dataclass(frozen=True)
class Deployed:
    """A function as it is deployed."""

    name: str
    arn: str
    code: bytes
    environment: tuple[tuple[str, str], ...]
    timeout: float
    memory: int


@dataclass(frozen=True)
class Used:
    """What one invocation took."""

    function: str
    request: str
    cold: bool
    error: str | None
    seconds: float
    init_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    memory: int

    @property
    def megabyte_seconds(self) -> float:
        """What is paid for: the time, in full milliseconds, with the memory that is configured."""
        return self.memory * (int(self.seconds * 1000) + 1) / 1000


class Pool:
    """Runs one function."""

    def __init__(
        self,
        function: Deployed,
        endpoint: str,
        region: str,
        log: Callable[[str, str], None],
        timeout: float | None = None,
    ):
        self._function = function
        self._timeout = timeout or function.timeout
        self._log = log
        self._folder = tempfile.TemporaryDirectory(prefix=f"lambda-{function.name}-")
        folder = Path(self._folder.name)
        with zipfile.ZipFile(io.BytesIO(function.code)) as archive:
            archive.extractall(folder)
        (folder / "bootstrap").chmod(0o755)
        self._environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "HOME": self._folder.name,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "emulator",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_SECRET_ACCESS_KEY": "emulator",
            "AWS_SESSION_TOKEN": "emulator",
            "LAMBDA_TASK_ROOT": self._folder.name,
            "_HANDLER": "bootstrap",
            **dict(function.environment),
        }
        self._lock = threading.Lock()
        self._idle: list[tuple[str, Process]] = []
        self._all: dict[str, Process] = {}
        self._made = 0

    def invoke(self, payload: bytes) -> tuple[bytes, Used]:
        """One call; its error is told by what was used."""
        key, process, cold = self._take()
        began = time.monotonic()
        init = process.wait_until_ready() if cold else 0.0
        started, cpu = time.monotonic(), process.cpu_seconds()
        call = Call(payload, self._function.arn, time.time() + self._timeout)
        kind, body = process.run(call)
        seconds = time.monotonic() - started
        used_cpu, peak = max(process.cpu_seconds() - cpu, 0.0), process.peak_megabytes()
        failed = None if kind == "response" else "Unhandled"
        if kind == "timeout":
            body = error(
                "Sandbox.Timedout", f"RequestId: {call.id} Error: Task timed out after {self._timeout:.2f} seconds"
            )
        elif kind == "response" and len(body) > LARGEST_RESPONSE:
            failed = "Unhandled"
            body = error(
                "Function.ResponseSizeTooLarge",
                f"Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).",
            )
        self._put_back(key, process)
        used = Used(
            function=self._function.name,
            request=call.id,
            cold=cold,
            error=failed,
            seconds=seconds if cold is False else time.monotonic() - began,
            init_seconds=init,
            cpu_seconds=used_cpu,
            peak_megabytes=peak,
            memory=self._function.memory,
        )
        return body, used

    def kill(self, key: str) -> bool:
        """Ends the process that signs with this key; answers whether there was one."""
        with self._lock:
            process = self._all.get(key)
        if process is None:
            return False
        process.kill()
        return True

    def stop(self) -> None:
        """Ends all processes."""
        with self._lock:
            processes = list(self._all.values())
            self._idle.clear()
            self._all.clear()
        for process in processes:
            process.kill()
        self._folder.cleanup()

    def _take(self) -> tuple[str, Process, bool]:
        with self._lock:
            while self._idle:
                key, process = self._idle.pop()
                if not process.dead:
                    return key, process, False
                self._all.pop(key, None)
            self._made += 1
            # Who signs so tells which function it is, and which of its processes.
            key = f"{self._function.name}.{self._made}"
            environment = {**self._environment, "AWS_ACCESS_KEY_ID": key}
            process = Process(Path(self._folder.name), environment, lambda line: self._log(self._function.name, line))
            self._all[key] = process
            return key, process, True

    def _put_back(self, key: str, process: Process) -> None:
        with self._lock:
            if process.dead:
                self._all.pop(key, None)
            else:
                self._idle.append((key, process))


def environment_of(variables: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Variables in an order, so that two configurations can be compared."""
    return tuple(sorted((name, str(value)) for name, value in variables.items()))
