"""What every request passes: it is recorded with who made it, and a fault may befall it."""

from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Gate:
    """The way in, before moto."""

    def __init__(self, application: Application):
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Hands a request on."""
        return self._application(environ, start_response)
