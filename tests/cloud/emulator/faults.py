"""Faults that befall requests on purpose: throttled, failed, answered to nobody, or their sender killed."""

import fnmatch
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from .actions import Request

Kind = Literal["throttle", "fail", "lose", "kill", "kill-after"]


@dataclass
class Fault:
    """What happens to which requests.

    `throttle` and `fail` answer with an error and do nothing; `lose` does it and cuts the connection before the answer;
    `kill` ends the process of the function that asks, before anything is done, `kill-after` when it is done.
    """

    kind: Kind
    service: str = "*"
    operation: str = "*"
    resource: str = "*"
    principal: str = "*"
    # Befalls the request of this number (from 1), and with `every` each one of that many, `times` times in all.
    nth: int = 1
    every: int | None = None
    times: int = 1
    seen: int = 0
    struck: int = 0
    # Which requests it befell.
    victims: list[str] = field(default_factory=list)

    def befalls(self, request: Request, principal: str) -> bool:
        """Counts a request, and tells whether it is one that is befallen."""
        patterns = (
            (request.service, self.service),
            (request.operation, self.operation),
            (request.resource, self.resource),
            (principal, self.principal),
        )
        if not all(fnmatch.fnmatchcase(value, pattern) for value, pattern in patterns):
            return False
        self.seen += 1
        due = self.seen % self.every == 0 if self.every else self.seen == self.nth
        if not due or self.struck >= self.times:
            return False
        self.struck += 1
        self.victims.append(f"{principal}: {request.service}:{request.operation} {request.resource}")
        return True


class Faults:
    """All faults that are set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def set(self, *faults: Fault) -> None:
        """Sets these in the place of all before."""
        with self._lock:
            self._faults = list(faults)

    def all(self) -> list[Fault]:
        """Those that are set."""
        with self._lock:
            return list(self._faults)

    def for_request(self, request: Request, principal: str) -> Fault | None:
        """The fault that befalls a request."""
        with self._lock:
            found = [fault for fault in self._faults if fault.befalls(request, principal)]
            return found[0] if found else None


def answer(request: Request, kind: Kind) -> tuple[str, list[tuple[str, str]], bytes]:
    """The error of a service that is throttled or broken: status, headers, body."""
    throttled = kind == "throttle"
    if request.service == "s3":
        code = "SlowDown" if throttled else "InternalError"
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>on purpose</Message></Error>"
        status = "503 Slow Down" if throttled else "500 Internal Server Error"
        return status, [("Content-Type", "application/xml")], body.encode()
    told: dict[str, Any] = {
        "__type": "ThrottlingException" if throttled else "InternalServerException",
        "message": "on purpose",
    }
    if request.service == "lambda":
        headers = [("x-amzn-ErrorType", "TooManyRequestsException" if throttled else "ServiceException")]
        return ("429 Too Many" if throttled else "500 Error"), headers, json.dumps(told).encode()
    status = "400 Bad Request" if throttled else "500 Internal Server Error"
    return status, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(told).encode()
