"""Conditional writes of S3, one at a time a key.

moto compares and then writes; between the two another request could write as well. Here a write of a key waits for
the one before it, so that of two create-only writes exactly one wins.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from moto.s3.exceptions import MissingKey, PreconditionFailed
from moto.s3.responses import S3Response

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_making = threading.Lock()


def install() -> None:
    """Mends moto's S3."""
    for name in ("_key_response_put", "_key_response_post", "_key_response_delete"):
        setattr(S3Response, name, _one_at_a_time(getattr(S3Response, name)))


def _one_at_a_time(action: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: S3Response, *arguments: Any, **named: Any) -> Any:
        with _lock(f"{self.bucket_name}/{self.parse_key_name()}"):
            if action.__name__ == "_key_response_post":
                _compare(self)
            return action(self, *arguments, **named)

    return guarded


def _lock(key: str) -> threading.Lock:
    with _making:
        return _locks[key]


def _compare(response: S3Response) -> None:
    """`If-Match` when an upload in parts is completed; moto looks at it for single puts only."""
    wanted = response.headers.get("If-Match")
    if not wanted:
        return
    found = response.backend.get_object(response.bucket_name, response.parse_key_name())
    if found is None:
        raise MissingKey
    if wanted.strip('"') != found.etag.strip('"'):
        raise PreconditionFailed("If-Match")
