"""S3 as the emulator itself sees it: moto's own buckets, without a request.

Athena and Redshift read and write a lake beside their callers; so do their doubles, through this module.
"""

from collections.abc import Iterator

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import S3Backend, s3_backends


def backend() -> S3Backend:
    """The buckets of the one account."""
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


class NoSuchObject(Exception):
    """An address of S3 with nothing behind it."""


def split(url: str) -> tuple[str, str]:
    """The bucket and the key of `s3://bucket/key`."""
    if not url.startswith("s3://"):
        raise NoSuchObject(f"`{url}` is no address of S3; write s3://bucket/key")
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def keys(bucket: str, prefix: str) -> Iterator[str]:
    """The keys below a prefix, in their order; markers of folders are none."""
    if bucket not in backend().buckets:
        raise NoSuchObject(f"The specified bucket does not exist: {bucket}")
    found = backend().buckets[bucket].keys.keys()
    return (key for key in sorted(found) if key.startswith(prefix) and not key.endswith("/"))


def read(bucket: str, key: str) -> bytes:
    """The bytes of an object."""
    if bucket not in backend().buckets:
        raise NoSuchObject(f"The specified bucket does not exist: {bucket}")
    found = backend().get_object(bucket, key)
    if found is None:
        raise NoSuchObject(f"The specified key does not exist., Key: {key}")
    return found.value


def etag(bucket: str, key: str) -> str:
    """What tells two contents of a key apart."""
    found = backend().get_object(bucket, key)
    if found is None:
        raise NoSuchObject(f"The specified key does not exist., Key: {key}")
    return found.etag.strip('"')


def write(url: str, body: bytes) -> None:
    """Puts an object."""
    bucket, key = split(url)
    if bucket not in backend().buckets:
        raise NoSuchObject(f"The specified bucket does not exist: {bucket}")
    backend().put_object(bucket, key, body)
