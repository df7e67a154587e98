"""A small source over HTTP whose pages are only given to who proves who they are.

Each script beside this one says how that is proved, with somebody else's library where there is one. It prints
its address as its first line. `/_stats` answers, unguarded, how often what happened.
"""

import json
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGES = 5


class Refused(Exception):
    """Why a request gets no page: the answer's status, headers and body."""

    def __init__(self, status, headers=None, body=None):
        super().__init__(status)
        self.answer = (status, headers or {}, body if body is not None else {"detail": "refused"})


class Source:
    """What answers. A script overrides `guard` and, where needed, `post` and `seal`."""

    def __init__(self, options):
        self.options = options
        self.stats = Counter()
        # Every token, cookie and the like that was given out, so that a test can look for them elsewhere.
        self.given = []
        self.lock = threading.Lock()
        self.troubled = set()

    def count(self, what):
        with self.lock:
            self.stats[what] += 1
            return self.stats[what]

    def guard(self, request):
        """Raises `Refused` unless the request proves who it is from."""

    def post(self, request):
        """Answers a POST that is no request for a page: status, headers, body."""
        return None

    def trouble(self, number):
        """The trouble that the first request for this page has, as the option `troubles` lists it a page."""
        troubles = self.options.get("troubles", [])
        with self.lock:
            if number > len(troubles) or number in self.troubled:
                return None
            self.troubled.add(number)
        return troubles[number - 1]

    def seal(self, request, headers, content):
        """Signs an answer by adding to its headers."""

    def answer(self, request):
        if request.path == "/_stats":
            return 200, {}, {**self.stats, "given": self.given}
        if request.method == "POST":
            answered = self.post(request)
            if answered is not None:
                return answered
        try:
            self.guard(request)
        except Refused as refused:
            self.count("refused")
            return refused.answer
        number = int(request.query.get("page", ["1"])[0])
        trouble = self.trouble(number)
        if trouble in ("503", "429"):
            return int(trouble), {"Retry-After": "1"}, {"detail": "trouble"}
        request.trouble = trouble
        self.count("pages")
        records = [{"id": number * 10 + position} for position in range(2)]
        following = f"/v1/records?page={number + 1}" if number < PAGES else None
        return 200, {}, {"results": records, "next": following}


class Request:
    def __init__(self, handler, base):
        parts = urlsplit(handler.path)
        self.method = handler.command
        self.path = parts.path
        self.query = parse_qs(parts.query)
        self.target = handler.path
        self.url = base + handler.path
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        self.connection = handler.connection
        # None, `cut` for half an answer, or `drop` for none at all.
        self.trouble = None


def serve(source, wrap=None):
    """Serves until it is killed. `wrap` makes a server's socket an encrypted one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            request = Request(self, base)
            status, headers, body = source.answer(request)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = [("Content-Type", "application/json"), *pairs(headers)]
            if 200 <= status < 300 and request.path != "/_stats":
                source.seal(request, headers, content)
            if request.trouble == "drop":
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if request.trouble == "cut":
                self.close_connection = True
                content = content[: len(content) // 2]
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if wrap:
        server.socket = wrap(server.socket)
        scheme = "https"
    base = f"{scheme}://127.0.0.1:{server.server_port}"
    print(base, flush=True)
    server.serve_forever()


def pairs(headers):
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


def options():
    """What the test wants otherwise, as JSON."""
    return json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
