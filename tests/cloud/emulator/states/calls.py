"""The calls that a state machine makes: by clients that are made once, signed as the state machine."""

import os
from typing import Any

import boto3
from botocore.config import Config
from moto.stepfunctions.parser.asl.utils import boto_client

# Who the journal says it was.
PRINCIPAL = "states"
# A function may run for fifteen minutes.
LONGEST_CALL = 960


class _Clients:
    """What moto's interpreter takes for boto3: it asks for a new client at every call."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def client(self, service_name: str, region_name: str, **_: Any) -> Any:
        """The client of a service."""
        if service_name not in self._clients:
            self._clients[service_name] = boto3.client(
                service_name,
                region_name=region_name,
                endpoint_url=f"http://127.0.0.1:{os.environ['MOTO_PORT']}",
                aws_access_key_id=PRINCIPAL,
                aws_secret_access_key=PRINCIPAL,
                config=Config(
                    parameter_validation=False,
                    retries={"total_max_attempts": 1},
                    read_timeout=LONGEST_CALL,
                    max_pool_connections=200,
                    s3={"addressing_style": "path"},
                ),
            )
        return self._clients[service_name]


def install() -> None:
    """Puts our clients in the place of moto's."""
    boto_client.boto3 = _Clients()
