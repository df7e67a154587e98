"""A login as many web applications have it: name and password in JSON or a form, a cookie or a token back.

Python's own http.cookies reads what comes back. `uses` is after how many requests a session is over, and `says`
how the source then says so. With `moves` each answer gives the session another name, and the old one is void.
"""

import json
import secrets
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from pages import Refused, Source, options, serve

# How a source may say that a session is over.
OVER = {
    "401": (401, {"messageCode": "not.authorised"}),
    "403": (403, {"messageCode": "not.authorised"}),
    "200": (200, {"messageCode": "session.expired", "message": "Please log in"}),
}


class Login(Source):
    def __init__(self, wanted):
        super().__init__(wanted)
        self.sessions = {}

    def post(self, request):
        if request.path != "/v1/user/login":
            return None
        given = {}
        if request.body and request.headers.get("content-type") == "application/json":
            given = json.loads(request.body)
        elif request.body:
            given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        given.update({name: values[0] for name, values in request.query.items()})
        self.count("logins")
        if given.get("username") != "me@x.example" or given.get("password") != self.options["password"]:
            # As some do: a refusal that looks like an answer.
            return 200, {}, {"messageCode": "login.failed"}
        session = secrets.token_urlsafe(24)
        self.given.append(session)
        self.sessions[session] = self.options.get("uses", 1_000_000)
        if self.options.get("token"):
            return 200, {}, {"personId": 7, "session": {"jwt": session}}
        cookies = [
            ("Set-Cookie", f"MBSESSION={session}; Path=/v1; HttpOnly; SameSite=Lax"),
            ("Set-Cookie", "route=node-7; Path=/"),
            ("Set-Cookie", "old=; Max-Age=0"),
        ]
        return 200, cookies, {"personId": 7}

    def answer(self, request):
        # As many do: a login by GET is one too.
        if request.method == "GET" and request.path == "/v1/user/login":
            return self.post(request)
        return super().answer(request)

    def session(self, request):
        if self.options.get("token"):
            return request.headers.get("X-Session", "")
        cookie = SimpleCookie(request.headers.get("Cookie", ""))
        if "route" not in cookie or "old" in cookie:
            return ""
        return cookie["MBSESSION"].value if "MBSESSION" in cookie else ""

    def guard(self, request):
        with self.lock:
            session = self.session(request)
            left = self.sessions.get(session, 0)
            if session in self.sessions:
                self.sessions[session] = left - 1
        if left <= 0:
            status, body = OVER[self.options.get("says", "401")]
            raise Refused(status, {}, body)

    def seal(self, request, headers, content):
        if self.options.get("moves") and request.path == "/v1/records":
            del self.sessions[self.session(request)]
            session = secrets.token_urlsafe(24)
            self.given.append(session)
            self.sessions[session] = 1
            headers.append(("Set-Cookie", f"MBSESSION={session}; Path=/v1; HttpOnly"))


serve(Login(options()))
