#!{python}
"""A function for tests: a real process that speaks Lambda's runtime API and does what its event says."""

import json
import os
import sys
import time
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
calls = 0


def put(bucket, key):
    scope = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/20260101/eu-west-1/s3/aws4_request"
    request = urllib.request.Request(
        f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}/{key}",
        data=b"written",
        method="PUT",
        headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"},
    )
    for attempt in range(3):
        try:
            return urllib.request.urlopen(request).status
        except OSError as error:
            print("put failed:", error, flush=True)
    raise SystemExit(3)


def work(event, deadline):
    if "exit" in event:
        sys.exit(event["exit"])
    if "raise" in event and event["raise"]:
        return "error", {"errorType": event["raise"], "errorMessage": "as asked"}
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "put" in event:
        put(*event["put"])
    if "big" in event:
        return "response", "x" * event["big"]
    left = int(deadline) / 1000 - time.time()
    about = {"pid": os.getpid(), "calls": calls, "left": left, "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"]}
    return "response", {**event, **about, "stage": os.environ.get("STAGE"), "cwd": os.listdir(".")}


while True:
    with urllib.request.urlopen(f"{API}/next") as given:
        event = json.load(given)
        identifier = given.headers["Lambda-Runtime-Aws-Request-Id"]
        deadline = given.headers["Lambda-Runtime-Deadline-Ms"]
    calls += 1
    print("event", json.dumps(event), flush=True)
    kind, answer = work(event, deadline)
    told = urllib.request.Request(f"{API}/{identifier}/{kind}", data=json.dumps(answer).encode(), method="POST")
    urllib.request.urlopen(told).read()
