"""What the parser of SQL complains about, without the colours that it writes for a terminal."""

import re

from sqlglot.errors import SqlglotError

_COLOUR = re.compile("\x1b\\[\\d*m")


def plain(error: SqlglotError) -> str:
    """The sentence alone."""
    return _COLOUR.sub("", str(error))
