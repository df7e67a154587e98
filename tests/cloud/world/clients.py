"""Clients of the emulator, as the AWS SDK makes them."""

import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

REGION = "eu-west-1"
# How long a thing may take that should take a moment.
PATIENCE = 60.0


def client(service: str, endpoint: str, key: str = "test") -> Any:
    """A client that does not try again by itself: a test sees every answer."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, max_pool_connections=50),
    )


def until(look: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What `look` answers as soon as that is something; looking is what moves the emulator on."""
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.01)
    raise TimeoutError(f"nothing came within {patience} s")
