"""RedriveExecution: an execution that failed goes on at the state that was entered and never left.

What succeeded is kept, the children of a distributed Map too. An execution that ended in a Fail state enters it again
and fails again, as on AWS.
"""

import datetime
import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.common.flow.start_at import StartAt
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.responses import StepFunctionResponse


def install() -> None:
    """Adds the call that moto lacks."""
    StepFunctionResponse.redrive_execution = _redrive_execution


def _redrive_execution(self: StepFunctionResponse) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    if execution.status not in ("FAILED", "ABORTED", "TIMED_OUT"):
        raise JsonRESTError("ExecutionNotRedrivable", f"Execution is {execution.status} and cannot be redriven")
    redrive(execution)
    return ActionResult({"redriveDate": datetime.datetime.now(datetime.UTC)})


def redrive(execution: Execution) -> None:
    """Lets an execution go on."""
    history = execution.exec_worker.env.event_manager
    state, given = _unfinished(history.get_event_history())
    execution.redrives = getattr(execution, "redrives", 0) + 1
    before = execution.exec_worker
    execution.exec_worker = _Continued(
        before, execution._get_start_execution_worker(), state, given, execution.redrives
    )
    execution.exec_status = ExecutionStatus.RUNNING
    execution.stop_date = execution.error = execution.cause = None
    execution.exec_worker.start()


def _unfinished(events: list[dict[str, Any]]) -> tuple[str, Any]:
    """The last state that was entered and not left, with what it was given."""
    open_states: dict[str, Any] = {}
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            open_states[entered["name"]] = json.loads(entered["input"])
        if left := event.get("stateExitedEventDetails"):
            open_states.pop(left["name"], None)
    if not open_states:
        raise JsonRESTError("ExecutionNotRedrivable", "No state was entered that was not left")
    return list(open_states.items())[-1]


class _Continued(ExecutionWorker):
    """The worker of an execution that goes on: its history is continued, and it starts where it ended."""

    def __init__(self, before: ExecutionWorker, fresh: ExecutionWorker, state: str, given: Any, count: int):
        self.__dict__.update(fresh.__dict__)
        self.env = self._get_evaluation_environment()
        self.env.event_manager = before.env.event_manager
        self.env.map_run_record_pool_manager = before.env.map_run_record_pool_manager
        self.env.states.reset(given)
        self._state = state
        self._count = count

    def _execution_logic(self) -> None:
        program = self._get_evaluation_entrypoint()
        program.start_at = StartAt(self._state)
        self.env.event_manager.add_event(
            context=self.env.event_history_context,
            event_type="ExecutionRedriven",
            event_details={"executionRedrivenEventDetails": {"redriveCount": self._count}},
            update_source_event_id=False,
        )
        program.eval(self.env)
        self._execution_communication.terminated()
