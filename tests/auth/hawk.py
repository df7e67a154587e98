"""A source behind Hawk: mohawk, the library of the Data Hub, checks requests and signs answers.

`spoil` is the number of the page whose answer is signed with another key.
"""

from mohawk import Receiver
from mohawk.exc import HawkFail

from pages import Refused, Source, options, serve


class Hawk(Source):
    def __init__(self, wanted):
        super().__init__(wanted)
        self.nonces = set()
        self.receivers = {}

    def credentials(self, sender):
        if sender != self.options["id"]:
            raise LookupError(sender)
        return {"id": sender, "key": self.options["key"], "algorithm": "sha256"}

    def seen(self, sender, nonce, timestamp):
        with self.lock:
            known = (sender, nonce) in self.nonces
            self.nonces.add((sender, nonce))
        return known

    def guard(self, request):
        try:
            receiver = Receiver(
                self.credentials,
                request.headers["Authorization"],
                request.url,
                request.method,
                content=request.body,
                content_type=request.headers.get("Content-Type", ""),
                accept_untrusted_content=bool(self.options.get("untrusted")),
                seen_nonce=self.seen,
            )
        except (HawkFail, LookupError, TypeError) as fault:
            said = getattr(fault, "www_authenticate", None) or "Hawk"
            raise Refused(401, {"WWW-Authenticate": said}, {"detail": type(fault).__name__}) from fault
        self.receivers[id(request)] = receiver

    def seal(self, request, headers, content):
        receiver = self.receivers.pop(id(request))
        if request.query.get("page", ["1"])[0] == str(self.options.get("spoil")):
            receiver.resource.credentials["key"] = "another-key"
        if self.options.get("unsigned"):
            return
        receiver.respond(content=content, content_type="application/json")
        headers.append(("Server-Authorization", receiver.response_header))


serve(Hawk(options()))
