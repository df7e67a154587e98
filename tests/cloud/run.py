"""All tests of the cloud: first the emulator's own, then the journeys through it.

    python tests/cloud/run.py [--only doubles|journeys] [--full] [NAME …]

NAME chooses tests whose name has it in it; with --full, journeys that take a minute and longer are made too.
"""

import argparse
import sys
import unittest
from collections.abc import Iterator

DOUBLES = ("test_catalogue", "test_athena", "test_redshift", "test_lambda", "test_states")
# In this order: what is worked out from all of them comes last.
JOURNEYS = ("test_runs", "test_faults", "test_long", "test_whole")
LONG = "test_long"


def main() -> None:
    """Runs them and ends with 1 if one failed."""
    options = argparse.ArgumentParser(description="The tests of the cloud.")
    options.add_argument("--only", choices=("doubles", "journeys"))
    options.add_argument("--full", action="store_true")
    options.add_argument("names", nargs="*", metavar="NAME")
    given = options.parse_args()
    modules = [f"doubles.{name}" for name in DOUBLES if given.only != "journeys"]
    modules += [f"journeys.{name}" for name in JOURNEYS if given.only != "doubles" and (given.full or name != LONG)]
    suite = unittest.TestSuite(
        test
        for module in modules
        for test in _tests(unittest.defaultTestLoader.loadTestsFromName(module))
        if not given.names or any(name in test.id() for name in given.names)
    )
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, warnings="ignore").run(suite)
    sys.exit(0 if result.wasSuccessful() else 1)


def _tests(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _tests(test)
        elif isinstance(test, unittest.TestCase):
            yield test


if __name__ == "__main__":
    main()
