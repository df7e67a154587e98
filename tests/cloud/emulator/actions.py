"""Which action of AWS a request is, in the words of policies: the service, the action and the resource."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

# The service that the target of a JSON request names.
_TARGETS = {
    "AWSGlue": "glue",
    "AmazonAthena": "athena",
    "RedshiftData": "redshift-data",
    "AWSStepFunctions": "states",
    "secretsmanager": "secretsmanager",
    "AmazonSSM": "ssm",
    "Logs_20140328": "logs",
    "AmazonSQS": "sqs",
    "TrentService": "kms",
}
# What a JSON request is about: the first of these that it has.
_RESOURCES = (
    "TableInput",
    "TableName",
    "DatabaseInput",
    "Name",
    "SecretId",
    "WorkGroup",
    "WorkgroupName",
    "stateMachineArn",
    "executionArn",
)
_INVOKE = re.compile(r"/\d{4}-\d{2}-\d{2}/functions/([^/]+)/invocations$")


@dataclass(frozen=True)
class Request:
    """A request, understood: `action` as policies name it, `operation` as the API does."""

    service: str
    action: str
    operation: str
    resource: str


def read(environ: dict[str, Any], body: bytes) -> Request | None:
    """The action of a request; none for what is no request to AWS."""
    path = unquote(environ.get("PATH_INFO", ""))
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        name, _, operation = target.rpartition(".")
        service = next((service for prefix, service in _TARGETS.items() if name.startswith(prefix)), name.lower())
        return Request(service, operation, operation, _resource(body))
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else ""
    if service == "lambda":
        invoked = _INVOKE.search(path)
        return Request("lambda", "InvokeFunction", "Invoke", invoked.group(1)) if invoked else None
    if service == "s3":
        return _s3(
            environ["REQUEST_METHOD"], path, parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True), environ
        )
    if form := parse_qs(body.decode("utf-8", "replace")).get("Action"):
        return Request(service, form[0], form[0], "")
    return None


def _resource(body: bytes) -> str:
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        return ""
    database = given.get("DatabaseName")
    for name in _RESOURCES:
        if name in given:
            value = given[name].get("Name", "") if isinstance(given[name], dict) else str(given[name])
            return f"{database}/{value}" if database else value
    return ""


def _s3(method: str, path: str, query: dict[str, list[str]], environ: dict[str, Any]) -> Request:
    bucket, _, key = path.lstrip("/").partition("/")
    where = f"{bucket}/{key}" if key else bucket
    if not key:
        return Request("s3", *_BUCKET.get((method, _about(query)), (f"{method} bucket", f"{method}Bucket")), where)
    if method in ("GET", "HEAD"):
        if "uploadId" in query:
            return Request("s3", "ListMultipartUploadParts", "ListParts", where)
        return Request("s3", "GetObject", "HeadObject" if method == "HEAD" else "GetObject", where)
    if method == "DELETE":
        if "uploadId" in query:
            return Request("s3", "AbortMultipartUpload", "AbortMultipartUpload", where)
        return Request("s3", "DeleteObject", "DeleteObject", where)
    if method == "POST":
        operation = "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
        return Request("s3", "PutObject", operation, where)
    if "partNumber" in query:
        return Request("s3", "PutObject", "UploadPart", where)
    copied = "HTTP_X_AMZ_COPY_SOURCE" in environ
    return Request("s3", "PutObject", "CopyObject" if copied else "PutObject", where)


def _about(query: dict[str, list[str]]) -> str:
    return next((name for name in ("location", "versions", "uploads", "delete", "versioning") if name in query), "")


_BUCKET = {
    ("GET", ""): ("ListBucket", "ListObjectsV2"),
    ("HEAD", ""): ("ListBucket", "HeadBucket"),
    ("PUT", ""): ("CreateBucket", "CreateBucket"),
    ("GET", "location"): ("GetBucketLocation", "GetBucketLocation"),
    ("GET", "versions"): ("ListBucketVersions", "ListObjectVersions"),
    ("GET", "uploads"): ("ListBucketMultipartUploads", "ListMultipartUploads"),
    ("POST", "delete"): ("DeleteObject", "DeleteObjects"),
}
