"""A source that takes exactly the headers it is told of; Python's own base64 and http.server read them."""

import base64

from pages import Refused, Source, options, serve


class Header(Source):
    def guard(self, request):
        for name, value in self.options.get("headers", {}).items():
            if request.headers.get_all(name) != [value]:
                raise Refused(401)
        for name, value in self.options.get("query", {}).items():
            if request.query.get(name) != [value]:
                raise Refused(401)
        if "basic" in self.options:
            scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Basic" or base64.b64decode(pair).decode() != self.options["basic"]:
                raise Refused(401)


serve(Header(options()))
