"""All functions of the emulator: moto keeps what is deployed, the host runs it."""

import base64
import threading
from collections import defaultdict
from typing import Any

from moto.awslambda.models import LambdaFunction

from .pool import Deployed, Pool, Used, environment_of


class Host:
    """Runs what is deployed by Lambda's API or by CloudFormation."""

    def __init__(self, endpoint: str):
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._pools: dict[str, tuple[Deployed, float | None, Pool]] = {}
        self._timeouts: dict[str, float] = {}
        self._used: list[Used] = []
        self._logs: defaultdict[str, list[str]] = defaultdict(list)

    def install(self) -> None:
        """Puts the host in the place of moto's Lambda."""
        host = self

        def invoke(self: LambdaFunction, body: Any, request_headers: Any, response_headers: Any) -> bytes:
            kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
            if kind == "DryRun":
                return b""
            payload = body.encode() if isinstance(body, str) else body or b"{}"
            if kind == "Event":
                threading.Thread(target=host.invoke, args=(self, payload), daemon=True).start()
                return b""
            answer, used = host.invoke(self, payload)
            if used.error:
                response_headers["x-amz-function-error"] = used.error
            response_headers["x-amz-executed-version"] = "$LATEST"
            tail = "\n".join(host.logs(self.function_name)).encode()[-4096:]
            response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
            return answer

        LambdaFunction.invoke = invoke

    def invoke(self, function: LambdaFunction, payload: bytes) -> tuple[bytes, Used]:
        """Runs a function once."""
        answer, used = self._pool(function).invoke(payload)
        with self._lock:
            self._used.append(used)
        self._log(
            used.function,
            f"REPORT RequestId: {used.request} Duration: {used.seconds * 1000:.2f} ms "
            f"Memory Size: {used.memory} MB Max Memory Used: {used.peak_megabytes:.0f} MB"
            + (f" Init Duration: {used.init_seconds * 1000:.2f} ms" if used.cold else ""),
        )
        return answer, used

    def shorten(self, function: str, seconds: float | None) -> None:
        """From now on, calls of a function have so much time; none is what is configured."""
        with self._lock:
            if seconds is None:
                self._timeouts.pop(function, None)
            else:
                self._timeouts[function] = seconds

    def kill(self, key: str) -> bool:
        """Ends the process that signs with this key."""
        with self._lock:
            pools = [pool for _, _, pool in self._pools.values()]
        return any(pool.kill(key) for pool in pools)

    def used(self) -> list[Used]:
        """Every invocation since the last clearing."""
        with self._lock:
            return list(self._used)

    def logs(self, function: str) -> list[str]:
        """What a function wrote."""
        with self._lock:
            return list(self._logs[function])

    def clear(self) -> None:
        """Forgets what was used and written."""
        with self._lock:
            self._used.clear()
            self._logs.clear()

    def stop(self) -> None:
        """Ends every process."""
        with self._lock:
            pools = [pool for _, _, pool in self._pools.values()]
            self._pools.clear()
        for pool in pools:
            pool.stop()

    def _log(self, function: str, line: str) -> None:
        with self._lock:
            self._logs[function].append(line)

    def _pool(self, function: LambdaFunction) -> Pool:
        deployed = Deployed(
            name=function.function_name,
            arn=function.function_arn,
            code=function.code_bytes,
            environment=environment_of(function.environment_vars),
            timeout=float(function.timeout),
            memory=int(function.memory_size),
        )
        with self._lock:
            timeout = self._timeouts.get(deployed.name)
            known = self._pools.get(deployed.name)
            if known and known[:2] == (deployed, timeout):
                return known[2]
            pool = Pool(deployed, self._endpoint, function.region, self._log, timeout)
            self._pools[deployed.name] = (deployed, timeout, pool)
        if known:
            known[2].stop()
        return pool
