"""Executions as callers see them: started once a name, described with output in JSON, histories in pages."""

import json
import re
import threading
import uuid
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.backend import execution_worker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from .. import results

LARGEST_INPUT = 262_144
EVENTS_A_PAGE = 100
_NAME = re.compile(r"[A-Za-z0-9+!@.()_'=-]{1,80}")
_starting = threading.Lock()


def install() -> None:
    """Mends moto's answers about executions."""
    _start_once()
    _tell_the_time()
    StepFunctionResponse.start_execution = _start_execution
    StepFunctionResponse.describe_execution = _describe_execution(StepFunctionResponse.describe_execution)
    StepFunctionResponse.get_execution_history = _get_execution_history


def _start_once() -> None:
    """Of two starts under one name, one starts."""
    start = StepFunctionsParserBackend.start_execution

    def once(self: StepFunctionsParserBackend, *arguments: Any, **named: Any) -> Any:
        with _starting:
            return start(self, *arguments, **named)

    StepFunctionsParserBackend.start_execution = once


def _tell_the_time() -> None:
    """`$$.Execution.StartTime` is a text as AWS writes it; moto has an object that is no JSON."""
    data = execution_worker.ExecutionData

    def told(**values: Any) -> Any:
        started = values["StartTime"]
        return data(**{**values, "StartTime": started.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"})

    execution_worker.ExecutionData = told


def _start_execution(self: StepFunctionResponse) -> ActionResult:
    name = self._get_param("name") or str(uuid.uuid4())
    given = self._get_param("input") or "{}"
    if not _NAME.fullmatch(name):
        raise JsonRESTError("InvalidName", f"Invalid Name: '{name}'")
    if len(given) > LARGEST_INPUT:
        raise JsonRESTError(
            "InvalidExecutionInput", f"The input has {len(given)} characters; {LARGEST_INPUT} are taken"
        )
    execution = self.stepfunction_backend.start_execution(self._get_param("stateMachineArn"), name, given)
    return ActionResult({"executionArn": execution.execution_arn, "startDate": execution.start_date})


def _describe_execution(describe: Any) -> Any:
    """Every output is JSON, a text too, and it is told whether a redrive is possible."""

    def described(self: StepFunctionResponse) -> ActionResult:
        told = describe(self)
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        answer = told.result
        if execution.status == "SUCCEEDED":
            answer["output"] = json.dumps(execution.output)
        if execution.status == "TIMED_OUT":
            answer["stopDate"] = execution.stop_date
        answer["redriveCount"] = getattr(execution, "redrives", 0)
        failed = execution.status in ("FAILED", "ABORTED", "TIMED_OUT")
        answer["redriveStatus"] = "REDRIVABLE" if failed else "NOT_REDRIVABLE"
        if not failed:
            answer["redriveStatusReason"] = f"Execution is {execution.status} and cannot be redriven"
        return told

    return described


def _get_execution_history(self: StepFunctionResponse) -> ActionResult:
    found = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))["events"]
    if self._get_param("reverseOrder"):
        found = found[::-1]
    size = int(self._get_param("maxResults") or EVENTS_A_PAGE)
    events, more = results.page(found, self._get_param("nextToken"), size)
    return ActionResult({"events": events} if more is None else {"events": events, "nextToken": more})
