"""Starts the emulator of AWS and says where it is.

    python tests/cloud/serve.py [--postgres DSN]

One line of JSON on standard output, `{"endpoint": "http://127.0.0.1:PORT"}`, tells that it is ready. It ends when its
standard input is closed, so it never outlives who started it.
"""

import argparse
import json
import sys

from emulator.server import Emulator


def main() -> None:
    """Serves until nobody is left who wants it."""
    options = argparse.ArgumentParser(description="The emulator of AWS that Lakehead's tests run against.")
    options.add_argument(
        "--postgres",
        metavar="DSN",
        help="a PostgreSQL that answers for Redshift, as `host=127.0.0.1 port=5432 user=postgres`",
    )
    options.add_argument(
        "--polls", type=int, default=2, help="how often a statement is seen waiting or running before it ends"
    )
    options.add_argument(
        "--pace",
        type=float,
        default=1.0,
        help="how much of their seconds the waits of a state machine take; 0.1 is a tenth",
    )
    given = options.parse_args()
    emulator = Emulator(postgres=given.postgres, polls=given.polls, pace=given.pace)
    emulator.start()
    print(json.dumps({"endpoint": emulator.endpoint}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
