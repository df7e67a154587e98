"""Who did what: every action of AWS with the principal that made it.

A service may act for its caller, as Athena does when it reads the catalogue; then the caller needs the permission,
and so the action is the caller's.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


# In place of a service: the permission that a request needed beside its own, and that is no request.
IMPLIED = "implied"


@dataclass(frozen=True)
class Action:
    """One action, as policies name it: `s3:GetObject` by a principal on a resource.

    `via` is the service that made it for the principal; it is empty where the principal itself did, and `IMPLIED` where
    nobody made it.
    """

    principal: str
    service: str
    action: str
    resource: str
    via: str = ""


class Journal:
    """All actions since it was last cleared, with how often each was made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actions: Counter[Action] = Counter()

    def note(self, action: Action) -> None:
        """Adds an action."""
        with self._lock:
            self._actions[action] += 1

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._actions.clear()

    def actions(self) -> Counter[Action]:
        """What was noted so far."""
        with self._lock:
            return Counter(self._actions)


class Witness:
    """Notes what a service does for one principal."""

    def __init__(self, note: Callable[[Action], None], principal: str, via: str):
        self._note = note
        self._principal = principal
        self._via = via

    def saw(self, service: str, action: str, resource: str) -> None:
        """Notes one action."""
        self._note(Action(self._principal, service, action, resource, self._via))


# The journal of this process's emulator.
journal = Journal()


def witness(principal: str, via: str) -> Witness:
    """A witness that writes into the journal what a service does for a principal."""
    return Witness(journal.note, principal, via)


def signer_of(authorization: str | None) -> str:
    """The access key of a request's signature; nobody's is `anonymous`."""
    mark = "Credential="
    if not authorization or mark not in authorization:
        return "anonymous"
    return authorization.split(mark, 1)[1].split("/", 1)[0]


def principal_of(authorization: str | None) -> str:
    """Who signed a request; all processes of a function are one principal."""
    return signer_of(authorization).partition(".")[0]
