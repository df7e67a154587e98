"""A statement that fails, with the message as Redshift words it."""


class StatementFailed(Exception):
    """Why a statement failed."""

    def __init__(self, message: str):
        super().__init__(f"ERROR: {message}")
