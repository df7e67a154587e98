"""Runs as schedules start them, and a backfill: the cloud's tables are those of a local run."""

from .rig import Journey

# When schedules fire for the first day; the window of matrix is the day before.
FIRST = "2026-11-02T05:30:00Z"


class Runs(Journey):
    def test_1_gins(self) -> None:
        self.goes("gins, by its schedule", self.cloud.scheduled("gins", FIRST))
        self.root = self.cloud.scratch / "local-gins"
        self.local(self.cloud.gins)
        self.compared.equal(self.root)
        wanted = {"gins", "tonics", "garnishes", "perfect_tonics", "perfect_garnishes", "countries"}
        self.compared.equal_in_redshift(self.root, "gins", "gins", "lakehead", wanted)
        self.exports_are_equal()

    def exports_are_equal(self) -> None:
        """The files for others, byte for byte."""
        here = {
            f"exports/{file.relative_to(self.root / 'exports')}": file.read_bytes()
            for file in (self.root / "exports").rglob("*.csv")
        }
        self.assertGreater(len(here), 0)
        self.assertEqual(self.cloud.objects("exports/"), here)

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
