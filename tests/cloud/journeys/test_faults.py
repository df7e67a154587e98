"""Faults on purpose: whatever happens in between, the tables are those of a run to which nothing happened."""

import datetime
import threading
from typing import Any

from emulator.faults import Fault

from . import deadline
from .rig import Journey

FUNCTIONS = ("plan", "fetch-page", "transform", "load", "publish", "refresh")
# Each journey reads a day that no other has read.
_days = iter(datetime.date(2026, 11, 12) + datetime.timedelta(days=number) for number in range(100))


class Faults(Journey):
    def setUp(self) -> None:
        super().setUp()
        self.take_a_day()

    def take_a_day(self) -> None:
        """The day that the next run is for."""
        self.day = next(_days)
        # The schedule of a day fires the morning after.
        at = f"{self.day + datetime.timedelta(days=1)}T05:30:00Z"
        self.given = self.cloud.scheduled("matrix", at)

    def befallen(self, *faults: Fault) -> None:
        """A run that faults befall, all of them, ends with the right tables."""
        with self.cloud.befallen_by(*faults):
            self.goes(self._testMethodName.removeprefix("test_").replace("_", " "), self.given)
        for fault in faults:
            print(f"  {fault.kind}: " + ("; ".join(fault.victims[:4]) or "nobody") + (" …" if fault.struck > 4 else ""))
            self.assertGreater(fault.struck, 0, f"nothing befell: {fault}")
        self.tables_are_equal()

    def tables_are_equal(self) -> None:
        """The cloud's tables are those of local runs of the same days."""
        self.local(self.cloud.matrix, "--as-of", str(self.day))
        self.compared.equal(self.root)

    def test_a_trigger_that_comes_twice(self) -> None:
        self.goes("matrix, once", self.given)
        versions = self.versions()
        asked = self.cloud.matrix.asked
        figures = self.goes("matrix, the same trigger again", self.given)
        self.assertNotIn("EachSlice", figures.states, "there is nothing to do")
        self.assertEqual((self.cloud.matrix.asked, self.versions()), (asked, versions))
        self.tables_are_equal()

    def test_two_triggers_at_the_same_time(self) -> None:
        executions: list[str] = []
        starters = [threading.Thread(target=lambda: executions.append(self.cloud.start(self.given))) for _ in range(2)]
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
        for execution in executions:
            self.succeeds(execution)
        worked = [execution for execution in executions if self.worked(execution)]
        self.assertEqual(len(worked), 1, "one of the two does the work")
        self.tables_are_equal()

    def test_a_name_that_is_used_twice(self) -> None:
        name = f"matrix.{self.day}"
        first = self.cloud.start(self.given, name)
        self.assertEqual(self.cloud.start(self.given, name), first)
        self.succeeds(first)
        with self.assertRaises(self.cloud.states.exceptions.ExecutionAlreadyExists):
            self.cloud.start(self.given, name)
        self.tables_are_equal()

    def test_every_function_is_killed_in_the_middle_once(self) -> None:
        """Each when it has written its first object, before it hears of it."""
        self.befallen(*(Fault("kill-after", "s3", "PutObject", principal=f"lakehead-{name}") for name in FUNCTIONS))

    def test_a_hand_in_the_catalogue(self) -> None:
        """A partition of nobody's and one that leads elsewhere are mended by the next publish."""
        self.succeeds(self.cloud.start(self.given))
        table = {"DatabaseName": "matrix_prod", "TableName": "bookings"}
        partitions = self.cloud.glue.get_partitions(**table)["Partitions"]
        bent = {name: partitions[0][name] for name in ("Values", "StorageDescriptor")}
        elsewhere = {**bent["StorageDescriptor"], "Location": f"s3://{self.cloud.bucket}/elsewhere/"}
        foreign = {"Values": ["1999-01-01"], "StorageDescriptor": elsewhere}
        self.cloud.glue.batch_create_partition(**table, PartitionInputList=[foreign])
        self.cloud.glue.update_partition(
            **table, PartitionValueList=bent["Values"], PartitionInput={**bent, "StorageDescriptor": elsewhere}
        )
        self.local(self.cloud.matrix, "--as-of", str(self.day))
        self.take_a_day()
        self.succeeds(self.cloud.start(self.given))
        self.tables_are_equal()

    def test_publish_is_killed_between_the_swap_and_the_catalogue(self) -> None:
        self.befallen(Fault("kill-after", "s3", "PutObject", resource="*/_current.json", principal="lakehead-publish"))

    def test_answers_are_lost_after_a_commit(self) -> None:
        self.befallen(
            Fault("lose", "s3", "PutObject", resource="*/lake/*/_current.json"),
            Fault("lose", "s3", "PutObject", resource="*/objects/*", every=3, times=5),
            Fault("lose", "glue", "UpdateTable"),
            Fault("lose", "glue", "BatchCreatePartition"),
            Fault("lose", "athena", "StartQueryExecution", nth=2),
        )

    def test_storage_is_throttled(self) -> None:
        self.befallen(
            Fault("throttle", "s3", every=7, times=1000, principal="lakehead-*"),
            Fault("throttle", "glue", every=5, times=10, principal="lakehead-*"),
            Fault("throttle", "athena", every=6, times=10, principal="lakehead-*"),
        )

    def test_a_deadline_of_five_seconds(self) -> None:
        """Twelve seconds of work; a call that has used half of its time hands on."""
        deadline.go(self, seed=7, requests_per_second=10, products=120, calls=4)

    def versions(self) -> dict[str, str]:
        """The version of every table."""
        tables = self.cloud.glue.get_tables(DatabaseName="matrix_prod")["TableList"]
        return {table["Name"]: table["VersionId"] for table in tables}

    def worked(self, execution: str) -> bool:
        """Whether an execution came to the slices."""
        return any(_entered(event) == "EachSlice" for event in self.cloud.history(execution))


def _entered(event: dict[str, Any]) -> str | None:
    return event.get("stateEnteredEventDetails", {}).get("name")
