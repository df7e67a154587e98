"""Runs as schedules start them, and a backfill: the cloud's tables are those of a local run."""

from .rig import Journey

# When the schedule of matrix fires for the first day; the windows of a day are the day before.
FIRST = "2026-11-02T05:30:00Z"


class Runs(Journey):
    def test_1_gins(self) -> None:
        self.goes("gins, by its schedule", self.cloud.scheduled("gins", "2026-11-02T05:30:00Z"))
        root = self.cloud.scratch / "local-gins"
        self.local_at(root)
        self.compared.equal(root)

    def local_at(self, root: object) -> None:
        self.root = root
        self.local(self.cloud.gins)

    def test_2_matrix(self) -> None:
        self.goes("matrix, by its schedule", self.cloud.scheduled("matrix", FIRST))
        self.local(self.cloud.matrix, "--as-of", "2026-11-01")
        self.compared.equal(self.root)

    def test_3_ten_days_of_matrix(self) -> None:
        asked = {"from": "2026-11-02", "to": "2026-11-11"}
        given = {"pipeline": "matrix", "params": self.cloud.matrix.params, **asked}
        self.goes("matrix, a backfill of ten days", given)
        self.local(self.cloud.matrix, "--from", "2026-11-02", "--to", "2026-11-11")
        self.compared.equal(self.root)
