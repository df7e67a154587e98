"""Redshift's Data API: a real PostgreSQL answers the SQL, and COPY reads the emulator's own S3."""

from . import api


def install(dsn: str, polls: int) -> None:
    """Puts the double in the place of moto's; `polls` is how often a statement is seen on its way before it ends."""
    api.install(dsn, polls)
