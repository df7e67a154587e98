"""Functions of a test: deployed through Lambda's own API, each a real process."""

import io
import json
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/test"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@cache
def package() -> bytes:
    """The function as it is deployed: a zip with `bootstrap`."""
    text = Path(__file__).with_name("bootstrap.py").read_text().replace("{python}", sys.executable, 1)
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("bootstrap", text)
        archive.writestr("pipelines/one/pipeline.yaml", "version: 1\n")
    return body.getvalue()


def deploy(functions: Any, iam: Any, name: str, timeout: int = 20) -> str:
    """Deploys it under a name; answers its ARN."""
    try:
        iam.create_role(RoleName="test", AssumeRolePolicyDocument=json.dumps(TRUST))
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    made = functions.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=ROLE,
        Code={"ZipFile": package()},
        Timeout=timeout,
        MemorySize=256,
        Environment={"Variables": {"STAGE": "deployed"}},
    )
    return str(made["FunctionArn"])
