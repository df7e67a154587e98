"""One cloud for all journeys of a process, and what they share."""

import atexit
import functools
import unittest
from typing import Any

from world import local

from .cloud import Cloud
from .comparison import Comparison
from .figures import Figures

# What each journey took, by its name: permissions and costs are worked out from them.
taken: dict[str, Figures] = {}


@functools.cache
def cloud() -> Cloud:
    """The cloud; it ends with the process."""
    made = Cloud()
    atexit.register(made.stop)
    print(f"deployed in {made.stack.seconds:.1f} s: {len(made.stack.template['Resources'])} resources")
    print("  not made by the emulator: " + ", ".join(made.stack.left_out))
    return made


class Journey(unittest.TestCase):
    """A test that goes through the cloud."""

    def setUp(self) -> None:
        self.cloud = cloud()
        self.root = self.cloud.scratch / "local"
        self.compared = Comparison(self, self.cloud)
        self.addCleanup(self._tell_logs)

    def local(self, source: local.Origin, *options: str) -> dict[str, Any]:
        """The same run on this machine, below the root that all journeys share."""
        report = local.run(source, self.cloud.pipelines, self.root, *options)
        self.assertIn(report["status"], ("published", "unchanged"), report)
        return report

    def succeeds(self, execution: str) -> dict[str, Any]:
        """An execution that ends well."""
        ended = self.cloud.ended(execution)
        self.assertEqual(ended["status"], "SUCCEEDED", f"{ended.get('error')}: {ended.get('cause')}")
        return ended

    def goes(self, name: str, given: dict[str, Any]) -> Figures:
        """Starts a run, waits for its good end, and tells what it took."""
        with self.cloud.recorded() as figures:
            self.succeeds(self.cloud.start(given))
        taken[name] = figures
        print(f"\n{name}")
        print("\n".join(figures.lines()))
        return figures

    def _tell_logs(self) -> None:
        """What functions wrote, where a journey failed."""
        result = self._outcome.result if self._outcome else None
        failed = result is not None and any(test is self for test, _ in [*result.failures, *result.errors])
        if not failed:
            return
        for function in ("plan", "fetch-page", "transform", "load", "publish", "refresh"):
            for line in self.cloud.emulator.host.logs(f"lakehead-{function}")[-15:]:
                print(f"  {function}: {line[:600]}")
