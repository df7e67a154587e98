"""The calls of Athena's API that run queries; workgroups and catalogues stay moto's."""

import json
from typing import Any

from moto.athena.responses import AthenaResponse

from .. import results
from ..witness import principal_of
from .executions import Execution, Executions, refused

ROWS_A_PAGE = 1000
IDS_A_CALL = 50


def install(executions: Executions) -> None:
    """Puts the double in the place of moto's answers."""

    def start_query_execution(self: AthenaResponse) -> str:
        principal = principal_of(self.headers.get("Authorization"))
        execution = executions.start(json.loads(self.body), self.athena_backend, principal)
        return json.dumps({"QueryExecutionId": execution.id})

    def get_query_execution(self: AthenaResponse) -> str:
        execution = executions.find(self._get_param("QueryExecutionId"))
        return json.dumps({"QueryExecution": _described(execution, execution.look())})

    def batch_get_query_execution(self: AthenaResponse) -> str:
        asked = self._get_param("QueryExecutionIds") or []
        if not 1 <= len(asked) <= IDS_A_CALL:
            raise refused(f"QueryExecutionIds has {len(asked)} entries; between 1 and {IDS_A_CALL} are taken")
        found = [executions.find(identifier) for identifier in asked]
        described = [_described(execution, execution.look()) for execution in found]
        return json.dumps({"QueryExecutions": described, "UnprocessedQueryExecutionIds": []})

    def get_query_results(self: AthenaResponse) -> str:
        execution = executions.find(self._get_param("QueryExecutionId"))
        return json.dumps(_results(execution, self._get_param("MaxResults"), self._get_param("NextToken")))

    def stop_query_execution(self: AthenaResponse) -> str:
        executions.find(self._get_param("QueryExecutionId")).end("CANCELLED", reason="Query cancelled by user")
        return "{}"

    def list_query_executions(self: AthenaResponse) -> str:
        workgroup = self._get_param("WorkGroup") or "primary"
        found = [execution.id for execution in executions.all() if execution.workgroup == workgroup]
        return json.dumps({"QueryExecutionIds": found[:IDS_A_CALL]})

    for action in (
        start_query_execution,
        get_query_execution,
        batch_get_query_execution,
        get_query_results,
        stop_query_execution,
        list_query_executions,
    ):
        setattr(AthenaResponse, action.__name__, action)


def _described(execution: Execution, state: str) -> dict[str, Any]:
    status: dict[str, Any] = {"State": state, "SubmissionDateTime": execution.submitted}
    outcome = execution.outcome if state == "SUCCEEDED" else None
    if state in ("SUCCEEDED", "FAILED", "CANCELLED"):
        status["CompletionDateTime"] = execution.completed
    if state in ("FAILED", "CANCELLED") and execution.reason:
        status["StateChangeReason"] = execution.reason
    if state == "FAILED":
        status["AthenaError"] = {
            "ErrorCategory": 2,
            "ErrorType": 1006,
            "Retryable": False,
            "ErrorMessage": execution.reason,
        }
    took = int(1000 * ((execution.completed or execution.submitted) - execution.submitted))
    statistics: dict[str, Any] = {
        "DataScannedInBytes": outcome.scanned if outcome else 0,
        "EngineExecutionTimeInMillis": took,
        "TotalExecutionTimeInMillis": took,
    }
    if outcome and outcome.kind in ("create", "unload"):
        statistics["DataManifestLocation"] = f"{execution.output}-manifest.csv"
    suffix = ".txt" if execution.kind == "DDL" else ".csv"
    output = execution.output + ("" if outcome and outcome.kind in ("create", "unload") else suffix)
    return {
        "QueryExecutionId": execution.id,
        "Query": execution.request["QueryString"],
        "StatementType": execution.kind,
        "ResultConfiguration": {"OutputLocation": output},
        "QueryExecutionContext": execution.request.get("QueryExecutionContext") or {},
        "Status": status,
        "Statistics": statistics,
        "WorkGroup": execution.workgroup,
        "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
    }


def _results(execution: Execution, size: int | None, token: str | None) -> dict[str, Any]:
    state = execution.settled()
    if state == "RUNNING":
        raise refused("Query has not yet finished. Current state: RUNNING")
    if state != "SUCCEEDED" or execution.outcome is None:
        raise refused(f"Query did not finish successfully. Final query state: {state}")
    if size is not None and not 1 <= int(size) <= ROWS_A_PAGE:
        raise refused(f"MaxResults is {size}; between 1 and {ROWS_A_PAGE} are taken")
    outcome = execution.outcome
    # The first row of a SELECT holds the names of the columns.
    header = [[name for name, _ in outcome.columns]] if outcome.kind == "select" else []
    rows, more = results.page(header + outcome.rows, token, int(size or ROWS_A_PAGE))
    columns = [
        {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": name,
            "Label": name,
            "Type": kind,
            "Precision": 0,
            "Scale": 0,
            "Nullable": "UNKNOWN",
            "CaseSensitive": kind == "varchar",
        }
        for name, kind in outcome.columns
    ]
    data = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows]
    answer: dict[str, Any] = {
        "UpdateCount": outcome.changed,
        "ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": columns}},
    }
    return answer if more is None else {**answer, "NextToken": more}
