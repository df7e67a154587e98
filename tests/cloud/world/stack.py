"""The stack as it would be deployed: synthesised from `infra/`, its assets uploaded, made by CloudFormation."""

import io
import json
import os
import subprocess
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import binaries
from .clients import client, until

NAME = "Lakehead"
ACCOUNT, REGION = "123456789012", "eu-west-1"


@dataclass
class Stack:
    """A deployed stack."""

    endpoint: str
    template: dict[str, Any]
    grants: dict[str, list[dict[str, Any]]]
    outputs: dict[str, str]
    # The types of resources that the emulator's CloudFormation has not made.
    left_out: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def input_of(self, schedule: str, scheduled_at: str) -> dict[str, Any]:
        """What a schedule starts the state machine with at an instant."""
        found = client("scheduler", self.endpoint).list_schedules(NamePrefix=schedule)["Schedules"]
        (group,) = {one["GroupName"] for one in found if one["Name"] == schedule}
        told = client("scheduler", self.endpoint).get_schedule(Name=schedule, GroupName=group)
        if told["Target"]["Arn"] != self.outputs["StateMachineArn"]:
            raise LookupError(f"the schedule `{schedule}` starts {told['Target']['Arn']}")
        text: str = told["Target"]["Input"]
        return json.loads(text.replace("<aws.scheduler.scheduled-time>", scheduled_at))

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The resources of a type."""
        return [resource for resource in self.template["Resources"].values() if resource["Type"] == kind]


def synthesise(deployment: dict[str, Any], pipelines: Path, scratch: Path) -> Path:
    """Writes the template of a deployment; answers the folder that it is in."""
    (scratch / "deployment.json").write_text(json.dumps(deployment))
    out = scratch / "cdk.out"
    subprocess.run(
        [binaries.ROOT / "infra" / "node_modules" / ".bin" / "tsx", "bin/lakehead.ts"],
        cwd=binaries.ROOT / "infra",
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "ARCHITECTURE": "x86_64",
            "LAMBDA_DIR": str(binaries.packed_functions(scratch)),
            "PIPELINES": str(pipelines),
            "DEPLOYMENT": str(scratch / "deployment.json"),
            "CDK_OUTDIR": str(out),
        },
        check=True,
    )
    return out


def deploy(out: Path, endpoint: str) -> Stack:
    """Uploads the assets and makes the stack."""
    began = time.monotonic()
    _upload(out, endpoint)
    template = json.loads((out / f"{NAME}.template.json").read_text())
    cloudformation = client("cloudformation", endpoint)
    cloudformation.create_stack(
        StackName=NAME,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    made = until(ended)
    if made["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(f"the stack is {made['StackStatus']}: {made.get('StackStatusReason')}")
    stack = Stack(
        endpoint=endpoint,
        template=template,
        grants=json.loads((out / "grants.json").read_text()),
        outputs={output["OutputKey"]: output["OutputValue"] for output in made.get("Outputs", [])},
    )
    there = {
        resource["ResourceType"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=NAME)
        for resource in page["StackResourceSummaries"]
    }
    stack.left_out = sorted({resource["Type"] for resource in template["Resources"].values()} - there)
    stack.seconds = time.monotonic() - began
    return stack


def _upload(out: Path, endpoint: str) -> None:
    """Puts the assets where the template expects them."""
    s3 = client("s3", endpoint)
    made: set[str] = set()
    for asset in json.loads((out / f"{NAME}.assets.json").read_text())["files"].values():
        source = out / asset["source"]["path"]
        body = _zipped(source) if asset["source"]["packaging"] == "zip" else source.read_bytes()
        for place in asset["destinations"].values():
            bucket = place["bucketName"].replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
            if bucket not in made:
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
                made.add(bucket)
            s3.put_object(Bucket=bucket, Key=place["objectKey"], Body=body)


def _zipped(folder: Path) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return body.getvalue()
