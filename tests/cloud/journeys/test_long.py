"""Journeys that take a minute and longer; `--full` makes them."""

from . import deadline
from .rig import Journey


class Long(Journey):
    def test_a_minute_of_work_at_a_deadline_of_five_seconds(self) -> None:
        deadline.go(self, seed=11, requests_per_second=10, products=600, calls=20)
