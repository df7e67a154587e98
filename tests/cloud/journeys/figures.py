"""What a run took: time, payloads, events, invocations, calls, statements."""

import time
from collections import Counter
from dataclasses import dataclass, field

from emulator.athena.executions import Execution
from emulator.lambdas.pool import Used
from emulator.server import Emulator
from emulator.states.events import Measure, measures
from emulator.witness import IMPLIED, Action, journal

# Bytes that Athena counts for a statement at least.
LEAST_SCANNED = 10_000_000


@dataclass
class Figures:
    """The figures of one run."""

    seconds: float = 0.0
    states: dict[str, Measure] = field(default_factory=dict)
    events: int = 0
    used: list[Used] = field(default_factory=list)
    actions: Counter[Action] = field(default_factory=Counter)
    queries: list[Execution] = field(default_factory=list)
    statements: int = 0

    @property
    def transitions(self) -> int:
        """States that were entered, those of a Map's children and their starts included."""
        return sum(state.entered for state in self.states.values())

    @property
    def largest_payload(self) -> int:
        """The largest payload of all states, in bytes."""
        return max((state.largest for state in self.states.values()), default=0)

    @property
    def megabyte_seconds(self) -> float:
        """What Lambda asks to be paid for."""
        return sum(used.megabyte_seconds for used in self.used)

    @property
    def scanned(self) -> int:
        """The bytes that Athena asks to be paid for: statements that define are free."""
        data = [query for query in self.queries if query.kind == "DML"]
        return sum(max(LEAST_SCANNED, query.outcome.scanned if query.outcome else 0) for query in data)

    def calls(self, service: str, *names: str) -> int:
        """How often actions of a service were made by functions and the state machine."""
        return sum(
            count
            for action, count in self.actions.items()
            if action.service == service and (not names or action.action in names)
        )

    def lines(self) -> list[str]:
        """The figures for a person."""
        told = [
            f"  {self.seconds:.1f} s · {self.events} events · {self.transitions} transitions · "
            f"{len(self.used)} invocations · {self.megabyte_seconds / 1024:.2f} GB-s · "
            f"{sum(self.actions.values())} calls · {len(self.queries)} queries · {self.statements} statements",
            "  state              entered   largest payload",
        ]
        told += [f"  {name:<18} {state.entered:>7} {state.largest:>11} bytes" for name, state in self.states.items()]
        told.append("  function                calls  cold  failed      ms    CPU ms  peak MB     MB-s")
        for name in sorted({used.function for used in self.used}):
            of = [used for used in self.used if used.function == name]
            told.append(
                f"  {name:<22} {len(of):>6} {sum(used.cold for used in of):>5} {sum(bool(used.error) for used in of):>7} "
                f"{1000 * sum(used.seconds for used in of):>7.0f} {1000 * sum(used.cpu_seconds for used in of):>9.0f} "
                f"{max(used.peak_megabytes for used in of):>8.0f} {sum(used.megabyte_seconds for used in of):>8.0f}"
            )
        by_service = Counter(f"{action.service}:{action.action}" for action in self.actions.elements())
        told.append("  " + " · ".join(f"{name} {count}" for name, count in by_service.most_common()))
        return told


@dataclass(frozen=True)
class Mark:
    """A moment: what was there before it."""

    at: float
    used: int
    actions: Counter[Action]
    queries: frozenset[str]
    statements: int


class Recorder:
    """Tells what happened between two moments."""

    def __init__(self, emulator: Emulator):
        self._emulator = emulator

    def mark(self) -> Mark:
        """Now."""
        measures.clear()
        statements = self._emulator.statements
        return Mark(
            at=time.monotonic(),
            used=len(self._emulator.host.used()),
            actions=journal.actions(),
            queries=frozenset(query.id for query in self._emulator.queries.all()),
            statements=0 if statements is None else len(statements.all()),
        )

    def fill(self, figures: Figures, before: Mark) -> None:
        """Takes what happened since a moment into figures; what people looked at is left out."""
        since = journal.actions() - before.actions
        statements = self._emulator.statements
        figures.seconds = time.monotonic() - before.at
        figures.states = dict(measures.states)
        figures.events = measures.events
        figures.used = self._emulator.host.used()[before.used :]
        figures.actions = Counter(
            {
                action: count
                for action, count in since.items()
                if action.principal != "person" and action.via != IMPLIED
            }
        )
        figures.queries = [query for query in self._emulator.queries.all() if query.id not in before.queries]
        figures.statements = 0 if statements is None else len(statements.all()) - before.statements
