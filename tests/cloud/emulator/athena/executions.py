"""Query executions: started once a token, seen waiting and running before they end, cancelled when asked to."""

import json
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from moto.athena.models import AthenaBackend
from moto.core.exceptions import JsonRESTError

from .. import buckets, results
from ..witness import witness
from . import statements
from .failure import QueryFailed
from .lake import Copies

LONGEST_QUERY = 262_144
TOKEN_LENGTHS = range(32, 129)


def refused(message: str) -> JsonRESTError:
    """A request that is not taken."""
    return JsonRESTError("InvalidRequestException", message)


class Execution:
    """One query, from its start to its end."""

    def __init__(self, request: dict[str, Any], output: str, workgroup: str, polls: int):
        self.id = str(uuid.uuid4())
        self.request = request
        self.workgroup = workgroup
        self.output = output.rstrip("/") + f"/{self.id}"
        self.submitted = time.time()
        self.completed: float | None = None
        self.outcome: statements.Outcome | None = None
        self.reason: str | None = None
        self._left = polls
        self._polls = polls
        self._state = "RUNNING"
        self._lock = threading.Lock()

    @property
    def kind(self) -> str:
        """DDL or DML."""
        return statements.kind(self.request["QueryString"])

    def end(self, state: str, outcome: statements.Outcome | None = None, reason: str | None = None) -> None:
        """Ends it, unless it has ended."""
        with self._lock:
            if self._state == "RUNNING":
                self._state, self.outcome, self.reason = state, outcome, reason
                self.completed = time.time()

    def look(self) -> str:
        """The state as a caller sees it: the first looks find it waiting, then running."""
        with self._lock:
            if self._state == "CANCELLED":
                return self._state
            if self._left > 0:
                self._left -= 1
                return "QUEUED" if self._left >= self._polls // 2 else "RUNNING"
            return self._state

    def settled(self) -> str:
        """The state without counting as a look."""
        with self._lock:
            return "RUNNING" if self._left > 0 and self._state != "CANCELLED" else self._state


class Executions:
    """All queries of the emulator."""

    def __init__(self, polls: int):
        self._polls = polls
        self._executions: dict[str, Execution] = {}
        self._tokens: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="athena-")
        self._copies = Copies(Path(self._folder.name))

    def start(self, request: dict[str, Any], backend: AthenaBackend, principal: str) -> Execution:
        """Starts a query, or answers the one that was started under the same token."""
        self._check(request, backend)
        workgroup = request.get("WorkGroup") or "primary"
        output, enforced = _output(request, backend, workgroup)
        token = request.get("ClientRequestToken")
        same = json.dumps(
            {name: value for name, value in request.items() if name != "ClientRequestToken"}, sort_keys=True
        )
        with self._lock:
            if token in self._tokens:
                before, known = self._tokens[token]
                if before != same:
                    raise refused("Idempotent parameters do not match")
                return self._executions[known]
            execution = Execution(request, output, workgroup, self._polls)
            self._executions[execution.id] = execution
            if token:
                self._tokens[token] = (same, execution.id)
        database = (request.get("QueryExecutionContext") or {}).get("Database") or "default"
        setting = statements.Setting(
            database=database.lower(),
            region=backend.region_name,
            output=output,
            enforced=enforced,
            copies=self._copies,
            witness=witness(principal, via="athena"),
        )
        threading.Thread(target=self._run, args=(execution, setting), daemon=True).start()
        return execution

    def find(self, identifier: str | None) -> Execution:
        """A query by its id."""
        found = self._executions.get(identifier or "")
        if found is None:
            raise refused(f"QueryExecution {identifier} was not found")
        return found

    def all(self) -> list[Execution]:
        """Every query, the newest first."""
        return sorted(self._executions.values(), key=lambda execution: -execution.submitted)

    def _check(self, request: dict[str, Any], backend: AthenaBackend) -> None:
        size = len((request.get("QueryString") or "").encode())
        if not 1 <= size <= LONGEST_QUERY:
            raise refused(
                "1 validation error detected: Value at 'queryString' failed to satisfy constraint: "
                f"Member must have length between 1 and {LONGEST_QUERY}; it has {size} bytes"
            )
        token = request.get("ClientRequestToken")
        if token is not None and len(token) not in TOKEN_LENGTHS:
            raise refused(
                f"1 validation error detected: Value '{token}' at 'clientRequestToken' failed to satisfy "
                "constraint: Member must have length between 32 and 128"
            )
        workgroup = request.get("WorkGroup")
        if workgroup and workgroup not in backend.work_groups:
            raise refused(f"WorkGroup {workgroup} is not found.")

    def _run(self, execution: Execution, setting: statements.Setting) -> None:
        sql = _with_parameters(execution.request)
        try:
            outcome = statements.run(sql, setting)
            self._leave(execution, outcome, setting)
            execution.end("SUCCEEDED", outcome)
        except (QueryFailed, buckets.NoSuchObject, JsonRESTError) as error:
            execution.end("FAILED", reason=str(error))
        except Exception as error:  # a query never takes the server down
            execution.end("FAILED", reason=f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}")

    def _leave(self, execution: Execution, outcome: statements.Outcome, setting: statements.Setting) -> None:
        """Leaves the result where Athena does."""
        setting.witness.saw("s3", "PutObject", execution.output.removeprefix("s3://"))
        if outcome.kind == "select":
            buckets.write(f"{execution.output}.csv", results.csv(outcome.columns, outcome.rows))
        elif outcome.written or outcome.kind in ("create", "unload"):
            listed = "".join(f"{url}\n" for url in outcome.written)
            buckets.write(f"{execution.output}-manifest.csv", listed.encode())


def _output(request: dict[str, Any], backend: AthenaBackend, workgroup: str) -> tuple[str, bool]:
    """Where results go, and whether the workgroup says so for everybody."""
    configuration = backend.work_groups[workgroup].configuration
    enforced = str(configuration.get("EnforceWorkGroupConfiguration")).lower() == "true"
    own = (configuration.get("ResultConfiguration") or {}).get("OutputLocation")
    asked = (request.get("ResultConfiguration") or {}).get("OutputLocation")
    output = own if enforced else asked or own
    if not output:
        raise refused(
            "No output location provided. An output location is required either through the Workgroup "
            "result configuration setting or as an API input."
        )
    return output, enforced


def _with_parameters(request: dict[str, Any]) -> str:
    """The statement with its `?` filled, as Athena fills them: by the text of a literal."""
    sql: str = request["QueryString"]
    for value in request.get("ExecutionParameters") or []:
        sql = sql.replace("?", value, 1)
    return sql
