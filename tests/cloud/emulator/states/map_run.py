"""The run of a distributed Map: failed children count, a threshold ends it, results are written, a redrive keeps them.

Stock moto drops failed children and succeeds.
"""

import datetime
import json
import math
import threading
from dataclasses import dataclass, field
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType, MapRunFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    distributed_iteration_component as component,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor.distributed_item_processor_worker import (
    DistributedItemProcessorWorker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import Job, JobPool
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval.resource_eval_s3 import (
    ResourceEvalS3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.result_writer_decl import ResultWriter
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramStopped

from ..witness import witness
from . import calls

_OVER = "The specified tolerated failure threshold was exceeded"


@dataclass
class Child:
    """What became of one item."""

    index: int
    item: Any
    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None


@dataclass
class Children:
    """The children of one Map run."""

    total: int
    count: int
    percentage: float
    done: dict[int, Child] = field(default_factory=dict)
    running: set[Environment] = field(default_factory=set)
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def exceeded(self) -> bool:
        """Whether more failed than is tolerated; nothing is where nothing is said."""
        failed = sum(child.status == "FAILED" for child in self.done.values())
        by_count = failed > self.count
        by_share = failed * 100.0 > self.percentage * self.total
        if self.count and self.percentage:
            return by_count or by_share
        return by_count if self.count else by_share


# What succeeded of a Map that failed, by execution and state: a redrive does not do it again.
kept: dict[tuple[str, str], dict[int, Child]] = {}


def install() -> None:
    """Puts our run of a Map in the place of moto's."""
    component.DistributedIterationComponent._map_run = _map_run
    DistributedItemProcessorWorker._eval_job = _child(DistributedItemProcessorWorker._eval_job)
    ResourceEvalS3._handle_put_object = staticmethod(_write_results)
    ResultWriter._eval_body = _writer


def _writer(self: ResultWriter, env: Environment) -> None:
    """Where results go is told by the input of the Map, not by the results."""
    env.stack.append(env.states.get_input())
    self.parargs.eval(env=env)
    parameters = env.stack.pop()
    env.stack.pop()
    env.stack.append(parameters)
    self.resource_eval.eval_resource(env=env)


def _map_run(self: Any, env: Environment, eval_input: Any) -> None:
    items = env.stack.pop()
    record = eval_input.map_run_record
    execution = (record.execution_arn, eval_input.state_name)
    children = Children(
        total=len(items),
        count=int(eval_input.tolerated_failure_count or 0),
        percentage=float(eval_input.tolerated_failure_percentage or 0),
    )
    children.done.update(kept.pop(execution, {}))
    record.children = children
    pool = JobPool(job_program=self._get_iteration_program(), job_inputs=items)
    pool._open_jobs = [job for job in pool._open_jobs if job.job_index not in children.done]
    pool._jobs_number = len(pool._open_jobs)
    # Each child is an execution of its own, and the state machine starts it.
    seen = witness(calls.PRINCIPAL, via="")
    for _ in pool._open_jobs:
        seen.saw("states", "StartExecution", record.map_state_machine_arn.partition("/")[0])
    if pool._open_jobs:
        workers = min(record.max_concurrency or math.inf, pool._jobs_number)
        for _ in range(int(workers)):
            self._launch_worker(env=env, eval_input=eval_input, job_pool=pool)
        pool.await_jobs()
    succeeded = {index: child for index, child in children.done.items() if child.status == "SUCCEEDED"}
    if children.exceeded():
        kept[execution] = succeeded
        raise _failure(env)
    env.stack.append([child.output for _, child in sorted(succeeded.items())])


def _failure(env: Environment) -> FailureEventException:
    name = StatesErrorNameType.StatesExceedToleratedFailureThreshold
    details = MapRunFailedEventDetails(error=name.to_name(), cause=_OVER)
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=StatesErrorName(typ=name),
            event_type=HistoryEventType.MapRunFailed,
            event_details=EventDetails(mapRunFailedEventDetails=details),
        )
    )


def _child(run: Any) -> Any:
    """One child with a history of its own; once too many failed, the others are stopped."""

    def child(self: DistributedItemProcessorWorker, env: Environment, job: Job) -> None:
        children: Children = self._map_run_record.children
        env.event_manager = EventManager()
        with children.lock:
            if children.stopped:
                children.done[job.job_index] = Child(job.job_index, job.job_input, "ABORTED")
                return
            children.running.add(env)
        run(self, env, job)
        state = env.program_state()
        # Whatever broke off before the first state was a mistake of the definition.
        made = Child(job.job_index, job.job_input, "FAILED", error="States.Runtime")
        match state:
            case ProgramStopped():
                made.status, made.error = "ABORTED", None
            case ProgramEnded():
                made.status, made.output = "SUCCEEDED", job.job_output
            case ProgramError():
                told: dict[str, Any] = dict(state.error or {})
                made.status, made.error, made.cause = "FAILED", told.get("error"), told.get("cause")
        with children.lock:
            children.running.discard(env)
            children.done[job.job_index] = made
            if not children.stopped and children.exceeded():
                children.stopped = True
                for other in children.running:
                    other.set_stop(stop_date=datetime.datetime.now(datetime.UTC), error=None, cause=_OVER)

    return child


def _write_results(env: Environment, resource_runtime_part: Any, state_credentials: Any) -> None:
    """The results as AWS writes them: a manifest, and a file for each status that occurs."""
    parameters = env.stack.pop()
    env.stack.pop()
    client = ResourceEvalS3._get_s3_client(
        resource_runtime_part=resource_runtime_part, state_credentials=state_credentials
    )
    record = env.map_run_record_pool_manager.get_all()[-1]
    bucket, prefix = parameters["Bucket"], parameters.get("Prefix") or ""
    folder = f"{prefix.rstrip('/')}/" * bool(prefix) + record.map_run_arn.rsplit(":", 1)[1] + "/"
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status in ("FAILED", "SUCCEEDED"):
        found = [child for _, child in sorted(record.children.done.items()) if child.status == status]
        if found:
            body = json.dumps([_result(child, record) for child in found]).encode()
            key = f"{folder}{status}_0.json"
            client.put_object(Bucket=bucket, Key=key, Body=body)
            files[status].append({"Key": key, "Size": len(body)})
    manifest = {"DestinationBucket": bucket, "MapRunArn": record.map_run_arn, "ResultFiles": files}
    key = f"{folder}manifest.json"
    client.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    env.stack.append({"MapRunArn": record.map_run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}})


def _result(child: Child, record: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ExecutionArn": record.map_run_arn.replace(":mapRun:", ":execution:") + f"-{child.index}",
        "Input": json.dumps(child.item),
        "InputDetails": {"Included": True},
        "RedriveCount": 0,
        "StateMachineArn": record.map_state_machine_arn,
        "Status": child.status,
    }
    if child.status == "SUCCEEDED":
        return {**told, "Output": json.dumps(child.output), "OutputDetails": {"Included": True}}
    return {**told, "Error": child.error, "Cause": child.cause}
