"""The runtime API of Lambda for one process: it asks for the next call and says what became of it."""

import json
import queue
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Call:
    """One invocation."""

    payload: bytes
    arn: str
    deadline: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    # What became of it: `response` or `error`, and the body. One answer; whoever comes later is not heard.
    outcome: "queue.Queue[tuple[str, bytes]]" = field(default_factory=queue.Queue)


class RuntimeApi:
    """Answers one process on a port of its own."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self._calls: queue.Queue[Call | None] = queue.Queue()
        self._current: Call | None = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api.ready.set()
                call = api._calls.get()
                if call is None:
                    # Nobody is there to hear.
                    self.close_connection = True
                    return
                self._answer(
                    200,
                    call.payload,
                    {
                        "Lambda-Runtime-Aws-Request-Id": call.id,
                        "Lambda-Runtime-Deadline-Ms": str(int(call.deadline * 1000)),
                        "Lambda-Runtime-Invoked-Function-Arn": call.arn,
                        "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
                    },
                )

            def do_POST(self) -> None:
                # .../invocation/<id>/response, .../invocation/<id>/error, .../init/error
                body = self._body()
                self._answer(202)
                api.end(self.path.rsplit("/", 1)[1], body)

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                chunks = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def _answer(self, status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def give(self, call: Call) -> None:
        """Hands the process a call."""
        self._current = call
        self._calls.put(call)

    def end(self, kind: str, body: bytes) -> None:
        """The current call, or the start, has ended."""
        if self._current is not None:
            self._current.outcome.put((kind, body))

    def close(self) -> None:
        """Ends the service; a process that waits for a call is told to go."""
        self._calls.put(None)
        self._server.shutdown()
        self._server.server_close()


def error(kind: str, message: str) -> bytes:
    """The body of an error as Lambda answers it."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
