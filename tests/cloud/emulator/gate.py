"""What every request passes: it is recorded with who made it, and a fault may befall it."""

import io
import json
import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from werkzeug.wsgi import get_input_stream

from . import actions, faults
from .witness import IMPLIED, Action, journal, principal_of, signer_of

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# What tests in other languages ask the emulator itself.
OWN = "/_emulator/"


class Gate:
    """The way in, before moto."""

    def __init__(self, application: Application, kill: Callable[[str], bool]):
        self._application = application
        self._kill = kill
        self.faults = faults.Faults()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Hands a request on."""
        if environ.get("PATH_INFO", "").startswith(OWN):
            return self._own(environ, start_response)
        authorization = environ.get("HTTP_AUTHORIZATION")
        request = actions.read(environ, _small_body(environ))
        if request is None:
            return self._application(environ, start_response)
        principal = principal_of(authorization)
        journal.note(Action(principal, request.service, request.action, request.resource))
        fault = self.faults.for_request(request, principal)
        match fault and fault.kind:
            case None:
                return self._application(environ, _asking(request, principal, start_response))
            case "throttle" | "fail":
                _drain(environ)
                status, headers, body = faults.answer(request, fault.kind)
                start_response(status, [*headers, ("Content-Length", str(len(body)))])
                return [body]
            case "kill":
                self._kill(signer_of(authorization))
                return _cut(environ)
            case "kill-after":
                _run(self._application, environ)
                self._kill(signer_of(authorization))
                return _cut(environ)
            case _:
                _run(self._application, environ)
                return _cut(environ)

    def _own(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """`PUT /_emulator/faults` sets faults, `GET` tells whom they befell; `GET /_emulator/actions` who did what."""
        what = environ["PATH_INFO"].removeprefix(OWN)
        told: Any
        if what == "faults":
            if environ["REQUEST_METHOD"] == "PUT":
                self.faults.set(*(faults.Fault(**given) for given in json.loads(_small_body(environ, always=True))))
            told = [asdict(fault) for fault in self.faults.all()]
        elif what == "actions":
            told = [{**asdict(action), "count": count} for action, count in journal.actions().items()]
        else:
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        body = json.dumps(told).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def _asking(request: actions.Request, principal: str, start: Callable[..., Any]) -> Callable[..., Any]:
    """Notes that only who may list a bucket is told that an object is not there: to others it is forbidden."""

    def answer(status: str, *rest: Any) -> Any:
        if request.action == "GetObject" and status.startswith("404"):
            journal.note(Action(principal, "s3", "ListBucket", request.resource.partition("/")[0], via=IMPLIED))
        return start(status, *rest)

    return answer


def _small_body(environ: dict[str, Any], always: bool = False) -> bytes:
    """The body of a request in JSON or of a form; it can be read again. Objects are not looked at."""
    kind = environ.get("CONTENT_TYPE", "")
    if not always and not kind.startswith(("application/x-amz-json", "application/x-www-form-urlencoded")):
        return b""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _drain(environ: dict[str, Any]) -> None:
    """Takes the rest of a request in, so that its sender gets to read the answer."""
    stream = get_input_stream(environ)
    while stream.read(1 << 20):
        pass


def _run(application: Application, environ: dict[str, Any]) -> None:
    """Does what is asked and keeps the answer."""

    def keep(status: str, headers: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], None]:
        return lambda body: None

    for _ in application(environ, keep):
        pass


def _cut(environ: dict[str, Any]) -> Iterable[bytes]:
    """Ends the connection without a word."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("cut on purpose")
