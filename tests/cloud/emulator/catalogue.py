"""Glue, as strict as AWS: stale versions are refused, batches are bounded, names are lower case.

moto takes any `VersionId`, so two writers would overwrite each other unseen; what is told here is what the API
reference of Glue promises.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.models import FakeTable, GlueBackend, glue_backends
from moto.glue.responses import GlueResponse

# How many entries a call may have, by the parameter that lists them.
BATCHES = {
    "batch_create_partition": ("PartitionInputList", 100),
    "batch_update_partition": ("Entries", 100),
    "batch_delete_partition": ("PartitionsToDelete", 25),
    "batch_get_partition": ("PartitionsToGet", 1000),
    "batch_delete_table": ("TablesToDelete", 100),
}
PARTITIONS_A_PAGE = 1000
TABLES_A_PAGE = 100

# moto keeps its catalogue in plain dictionaries; requests come on many threads.
lock = threading.RLock()


def backend(region: str) -> GlueBackend:
    """The catalogue of a region."""
    return glue_backends[DEFAULT_ACCOUNT_ID][region]


def install() -> None:
    """Mends moto's Glue."""
    for name in (
        "create_database",
        "delete_database",
        "create_table",
        "delete_table",
        "batch_delete_table",
        "get_table",
        "create_partition",
        "update_partition",
        "delete_partition",
        "get_partition",
        *BATCHES,
    ):
        setattr(GlueResponse, name, _guarded(name, getattr(GlueResponse, name)))
    GlueResponse.update_table = _update_table
    GlueResponse.get_partitions = _get_partitions
    GlueResponse.get_tables = _get_tables


def _guarded(name: str, action: Callable[[GlueResponse], Any]) -> Callable[[GlueResponse], Any]:
    """The action of moto, one at a time, with names folded and lists bounded."""

    def guarded(self: GlueResponse) -> Any:
        with lock:
            _fold_names(self)
            if name in BATCHES:
                _bound(self.parameters, *BATCHES[name])
            if "partition" in name:
                _match_keys(self)
            return action(self)

    return guarded


def _fold_names(response: GlueResponse) -> None:
    """Names of databases and tables are lower case in the catalogue, however they are written."""
    parameters = response.parameters
    for name in ("DatabaseName", "TableName", "Name"):
        if isinstance(parameters.get(name), str):
            parameters[name] = parameters[name].lower()
    for name in ("DatabaseInput", "TableInput"):
        if isinstance(parameters.get(name), dict) and "Name" in parameters[name]:
            parameters[name]["Name"] = parameters[name]["Name"].lower()
    # moto reads the body anew whenever it is asked for the parameters.
    response.body = json.dumps(parameters)


def _bound(parameters: dict[str, Any], name: str, most: int) -> None:
    found = len(parameters.get(name) or [])
    if found > most:
        raise JsonRESTError(
            "ValidationException" if name == "Entries" else "InvalidInputException",
            f"1 validation error detected: Value at '{name}' failed to satisfy constraint: "
            f"Member must have length less than or equal to {most}; it has {found}",
        )


def _match_keys(response: GlueResponse) -> None:
    """A partition has one value for each partition key of its table."""
    parameters = response.parameters
    database, name = parameters.get("DatabaseName"), parameters.get("TableName")
    table = response.glue_backend.get_table(database, name)
    wanted = len(newest(table).get("PartitionKeys") or [])
    given = [parameters.get("PartitionInput"), *(parameters.get("PartitionInputList") or [])]
    given += [entry.get("PartitionInput") for entry in parameters.get("Entries") or []]
    for partition in filter(None, given):
        if len(partition.get("Values") or []) != wanted:
            raise JsonRESTError(
                "InvalidInputException",
                "The number of partition keys do not match the number of partition values",
            )


def _update_table(self: GlueResponse) -> Any:
    """UpdateTable with the version that it starts from: of two that start from one, one wins."""
    with lock:
        _fold_names(self)
        wanted = self.parameters.get("VersionId")
        database, given = self.parameters.get("DatabaseName"), self.parameters.get("TableInput")
        table = self.glue_backend.get_table(database, given["Name"])
        if wanted is not None and str(wanted) != str(table._current_version):
            raise JsonRESTError(
                "ConcurrentModificationException",
                f"Update table failed due to concurrent modifications. Version {wanted} is not the "
                f"current version {table._current_version} of {database}.{given['Name']}.",
            )
        self.glue_backend.update_table(database, given["Name"], given)
        return ActionResult({})


def _get_partitions(self: GlueResponse) -> Any:
    with lock:
        _fold_names(self)
        found = self.glue_backend.get_partitions(
            self.parameters["DatabaseName"],
            self.parameters["TableName"],
            self.parameters.get("Expression"),
        )
        rows = [partition.as_dict() for partition in found]
    return ActionResult(_page(self.parameters, "Partitions", rows, PARTITIONS_A_PAGE))


def _get_tables(self: GlueResponse) -> Any:
    with lock:
        _fold_names(self)
        found = self.glue_backend.get_tables(self.parameters["DatabaseName"], self.parameters.get("Expression"))
        rows = [table.as_dict() for table in found]
    return ActionResult(_page(self.parameters, "TableList", rows, TABLES_A_PAGE))


def _page(parameters: dict[str, Any], name: str, rows: list[Any], most: int) -> dict[str, Any]:
    start = int(parameters.get("NextToken") or 0)
    end = start + min(int(parameters.get("MaxResults") or most), most)
    more = {"NextToken": str(end)} if end < len(rows) else {}
    return {name: rows[start:end], **more}


def newest(table: FakeTable) -> dict[str, Any]:
    """The table as it is now."""
    return table.versions[str(table._current_version)]
