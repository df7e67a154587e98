"""The calls of the Data API: statements are started once a token, looked at, cancelled, and read in pages."""

import json
import threading
import time
import uuid
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.redshiftdata.responses import RedshiftDataAPIServiceResponse

from .. import buckets, results
from ..witness import principal_of, witness
from .failure import StatementFailed
from .session import Databases, Result, Transaction

MOST_STATEMENTS = 40
LONGEST_STATEMENT = 100 * 1024
LONGEST_TOKEN = 64
# AWS cuts a result by its bytes; small pages find out who reads only the first.
ROWS_A_PAGE = 100
_ON_ITS_WAY = ("SUBMITTED", "PICKED", "STARTED")


def refused(message: str) -> JsonRESTError:
    """A request that is not taken."""
    return JsonRESTError("ValidationException", message)


class Statement:
    """One call, from its submission to its end."""

    def __init__(
        self, request: dict[str, Any], statements: list[str], batch: bool, transaction: Transaction, polls: int
    ):
        self.id = str(uuid.uuid4())
        self.request = request
        self.statements = statements
        self.batch = batch
        self.transaction = transaction
        self.created = self.updated = time.time()
        self.error: str | None = None
        self._looks = 0
        self._polls = polls
        self._state = "STARTED"
        self._lock = threading.Lock()

    def run(self) -> None:
        """Runs its transaction to the end."""
        try:
            self.transaction.run()
            self._end("FINISHED")
        except (StatementFailed, buckets.NoSuchObject) as error:
            self._end("FAILED", str(error))
        except Exception as error:  # a statement never takes the server down
            self._end("FAILED", f"ERROR: {type(error).__name__}: {error}")

    def _end(self, state: str, error: str | None = None) -> None:
        with self._lock:
            if self._state == "STARTED":
                self._state, self.error, self.updated = state, error, time.time()

    def cancel(self) -> None:
        """Breaks it off; what has ended stays ended."""
        with self._lock:
            if self._state != "STARTED":
                raise refused(f"Could not cancel a query that is already in {self._state} state with ID: {self.id}")
            self._state, self.updated = "ABORTED", time.time()
        self.transaction.cancel()

    def look(self) -> str:
        """The state as a caller sees it: the first looks find it on its way."""
        with self._lock:
            if self._state == "ABORTED" or self._looks >= self._polls:
                return self._state
            self._looks += 1
            return _ON_ITS_WAY[min(self._looks, len(_ON_ITS_WAY)) - 1]

    def result(self, position: int) -> Result:
        """The rows of one of its statements."""
        with self._lock:
            done = self._state == "FINISHED" and self._looks >= self._polls
        found = self.transaction.results[position] if done else None
        if found is None or not found.has_rows:
            raise JsonRESTError(
                "ResourceNotFoundException",
                "Query does not have result. Please check query status with DescribeStatement.",
            )
        return found


class Statements:
    """All statements of the emulator."""

    def __init__(self, dsn: str, polls: int):
        self._databases = Databases(dsn)
        self._polls = polls
        self._statements: dict[str, Statement] = {}
        self._tokens: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def start(self, request: dict[str, Any], statements: list[str], batch: bool, principal: str) -> Statement:
        """Starts statements, or answers those that were started under the same token."""
        _check(request, statements)
        token = request.get("ClientToken")
        same = json.dumps({name: value for name, value in request.items() if name != "ClientToken"}, sort_keys=True)
        # The Data API gets itself a password of the workgroup with its caller's permission.
        witness(principal, via="redshift").saw(
            "redshift-serverless", "GetCredentials", request.get("WorkgroupName", "")
        )
        with self._lock:
            if token in self._tokens:
                before, known = self._tokens[token]
                if before != same:
                    raise refused("The parameters of a request with this ClientToken do not match those of the first")
                return self._statements[known]
            parameters = {entry["name"]: entry["value"] for entry in request.get("Parameters") or []}
            transaction = Transaction(self._databases, request["Database"], statements, parameters)
            statement = Statement(request, statements, batch, transaction, self._polls)
            self._statements[statement.id] = statement
            if token:
                self._tokens[token] = (same, statement.id)
        threading.Thread(target=statement.run, daemon=True).start()
        return statement

    def all(self) -> list[Statement]:
        """Every call so far."""
        return list(self._statements.values())

    def find(self, identifier: str) -> tuple[Statement, int]:
        """A statement by its id, and which of a batch is meant by `id:2`."""
        name, _, number = identifier.partition(":")
        found = self._statements.get(name)
        if found is None or (number and not 1 <= int(number) <= len(found.statements)):
            raise JsonRESTError("ResourceNotFoundException", "Query does not exist.")
        return found, int(number or 1) - 1


def _check(request: dict[str, Any], statements: list[str]) -> None:
    if not request.get("Database"):
        raise refused("Database is required")
    if bool(request.get("WorkgroupName")) == bool(request.get("ClusterIdentifier")):
        raise refused("Exactly one of WorkgroupName and ClusterIdentifier is required")
    if not 1 <= len(statements) <= MOST_STATEMENTS:
        raise refused(
            f"1 validation error detected: Value at 'sqls' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MOST_STATEMENTS}; it has {len(statements)}"
        )
    longest = max(len(sql.encode()) for sql in statements)
    if longest > LONGEST_STATEMENT:
        raise refused(f"Cannot process query string larger than {LONGEST_STATEMENT // 1024}kB; it has {longest} bytes")
    if len(request.get("ClientToken") or "") > LONGEST_TOKEN:
        raise refused(f"1 validation error detected: 'clientToken' has more than {LONGEST_TOKEN} characters")


def install(statements: Statements) -> None:
    """Puts the double in the place of moto's answers."""
    Answer = tuple[int, dict[str, str], str]

    def answer(value: dict[str, Any]) -> Answer:
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(value, default=str)

    def start(self: RedshiftDataAPIServiceResponse, batch: bool) -> Answer:
        request = json.loads(self.body)
        sqls = request.get("Sqls") or [] if batch else [request.get("Sql") or ""]
        principal = principal_of(self.headers.get("Authorization"))
        statement = statements.start(request, sqls, batch, principal)
        return answer({"Id": statement.id, "CreatedAt": statement.created, **_place(statement)})

    def execute_statement(self: RedshiftDataAPIServiceResponse) -> Answer:
        return start(self, batch=False)

    def batch_execute_statement(self: RedshiftDataAPIServiceResponse) -> Answer:
        return start(self, batch=True)

    def describe_statement(self: RedshiftDataAPIServiceResponse) -> Answer:
        statement, _ = statements.find(self._get_param("Id"))
        return answer(_described(statement, statement.look()))

    def cancel_statement(self: RedshiftDataAPIServiceResponse) -> Answer:
        statements.find(self._get_param("Id"))[0].cancel()
        return answer({"Status": True})

    def get_statement_result(self: RedshiftDataAPIServiceResponse) -> Answer:
        statement, position = statements.find(self._get_param("Id"))
        return answer(_rows(statement.result(position), self._get_param("NextToken")))

    for action in (
        execute_statement,
        batch_execute_statement,
        describe_statement,
        cancel_statement,
        get_statement_result,
    ):
        setattr(RedshiftDataAPIServiceResponse, action.__name__, action)


def _place(statement: Statement) -> dict[str, Any]:
    names = ("Database", "WorkgroupName", "ClusterIdentifier", "SecretArn", "DbUser")
    return {name: statement.request[name] for name in names if statement.request.get(name)}


def _described(statement: Statement, state: str) -> dict[str, Any]:
    done = statement.transaction.results if state == "FINISHED" else []
    told: dict[str, Any] = {
        "Id": statement.id,
        "Status": state,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "Duration": int((statement.updated - statement.created) * 1e9),
        "HasResultSet": any(result.has_rows for result in done),
        "ResultRows": done[-1].count if done else -1,
        "ResultSize": 0 if done else -1,
        "RedshiftPid": 0,
        "RedshiftQueryId": 0,
        **_place(statement),
    }
    if state == "FAILED":
        told["Error"] = statement.error
    if not statement.batch:
        return {**told, "QueryString": statement.statements[0]}
    # Of a batch that failed, the statement after the last that ran is the one that failed.
    ran = len(statement.transaction.results)
    subs = []
    for position, sql in enumerate(statement.statements):
        result = done[position] if done else None
        one = "FINISHED" if result else _of_failed(position, ran) if state == "FAILED" else state
        sub: dict[str, Any] = {
            "Id": f"{statement.id}:{position + 1}",
            "QueryString": sql,
            "Status": one,
            "CreatedAt": statement.created,
            "UpdatedAt": statement.updated,
            "HasResultSet": bool(result and result.has_rows),
            "ResultRows": result.count if result else -1,
            "ResultSize": 0 if result else -1,
        }
        subs.append({**sub, "Error": statement.error} if one == "FAILED" else sub)
    return {**told, "SubStatements": subs}


def _of_failed(position: int, ran: int) -> str:
    return "FAILED" if position == ran else "ABORTED"


def _rows(result: Result, token: str | None) -> dict[str, Any]:
    rows, more = results.page(result.rows, token, ROWS_A_PAGE)
    columns = [
        {
            "name": name,
            "label": name,
            "typeName": kind,
            "nullable": 1,
            "length": 0,
            "precision": 0,
            "scale": 0,
            "isSigned": kind.startswith(("int", "float", "numeric")),
        }
        for name, kind in result.columns
    ]
    told = {
        "Records": [[_field(value) for value in row] for row in rows],
        "ColumnMetadata": columns,
        "TotalNumRows": len(result.rows),
    }
    return told if more is None else {**told, "NextToken": more}


def _field(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"longValue": value}
        case float():
            return {"doubleValue": value}
        case dict() | list():
            return {"stringValue": json.dumps(value)}
        case _:
            return {"stringValue": str(value)}
