"""Redshift's Data API: a real PostgreSQL answers the SQL, and COPY reads the emulator's own S3."""

from . import api
from .api import Statements


def install(dsn: str, polls: int) -> Statements:
    """Puts the double in the place of moto's; `polls` is how often a statement is seen on its way before it ends."""
    statements = Statements(dsn, polls)
    api.install(statements)
    return statements
