"""Athena: DuckDB answers the SQL, over the emulator's own Glue and S3."""

from . import api
from .executions import Executions


def install(polls: int) -> Executions:
    """Puts the double in the place of moto's Athena; `polls` is how often a query is seen waiting and running."""
    executions = Executions(polls)
    api.install(executions)
    return executions
