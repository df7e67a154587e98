"""A Matrix Booking of the tests' own: login by cookie, bookings by day and page, one tree of locations.

Its bookings are for the rooms that the shipped sensors watch, so that the derived tables have rows.
"""

import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import binaries

USER, PASSWORD = "user-7c21e0d4@canary.test", 'canary-7c21e0d4/+"%&'
_SESSION = "MXSESSION=canary-7c21e0d4-1"
_SAMPLES = binaries.ROOT / "pipelines" / "matrix" / "samples"
# Two rooms, both joined, a desk that nothing watches; the last of a day goes on into the next.
_PLACES = (512345, 512346, 900, 700001)
BOOKINGS_A_DAY = 60


class Matrix:
    """A running source."""

    def __init__(self) -> None:
        self.pipeline = "matrix"
        self.asked = 0
        source = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                known = given == {"username": USER, "password": PASSWORD}
                cookie = {"Set-Cookie": f"{_SESSION}; Path=/; HttpOnly"}
                self._answer(200 if known else 403, {"personId": 7}, cookie if known else {})

            def do_GET(self) -> None:
                source.asked += 1
                if _SESSION not in self.headers.get("Cookie", ""):
                    self._answer(401, {})
                    return
                asked = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(asked.query).items()}
                if asked.path.endswith("/locations"):
                    self._answer(200, json.loads((_SAMPLES / "organisation.json").read_text()))
                else:
                    self._answer(200, page(query))

            def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        base_url = f"http://127.0.0.1:{self._server.server_port}/api/v1"
        self.params = {"base_url": base_url, "environment": "prod", "requests_per_second": "1000"}
        self.secrets = {"LAKEHEAD_SECRET_MATRIX_USERNAME": USER, "LAKEHEAD_SECRET_MATRIX_PASSWORD": PASSWORD}

    def __enter__(self) -> "Matrix":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def page(query: dict[str, str]) -> list[dict[str, Any]]:
    """The bookings of a day that a request asks for; cancelled ones only where it asks for them."""
    day = datetime.date.fromisoformat(query["f"])
    wanted = query.get("status", "")
    found = [booking for booking in bookings(day) if (booking["status"] == "CANCELLED") == (wanted == "CANCELLED")]
    size, number = int(query["pageSize"]), int(query["pageNum"])
    return found[number * size : (number + 1) * size]


def bookings(day: datetime.date) -> list[dict[str, Any]]:
    """All bookings of a day, with the last of the day before."""
    return [_booking(day - datetime.timedelta(days=1), BOOKINGS_A_DAY - 1)] + [
        _booking(day, number) for number in range(BOOKINGS_A_DAY)
    ]


def _booking(day: datetime.date, number: int) -> dict[str, Any]:
    samples = json.loads((_SAMPLES / "bookings.json").read_text())
    overnight = number == BOOKINGS_A_DAY - 1
    ends = day + datetime.timedelta(days=1) if overnight else day
    return {
        **samples[number % 2],
        "id": int(day.strftime("%y%m%d")) * 1000 + number,
        "locationId": _PLACES[number // 2 % len(_PLACES)],
        "timeFrom": f"{day}T{8 + number % 8:02}:{number % 60:02}",
        "timeTo": f"{ends}T{'01' if overnight else 16 + number % 8}:30:00.25",
    }
