"""What is measured of executions: how large the payload of every state is, and how many transitions there were."""

import threading
from dataclasses import dataclass, field
from typing import Any

from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager


@dataclass
class Measure:
    """One state over all executions."""

    entered: int = 0
    largest_input: int = 0
    largest_output: int = 0

    @property
    def largest(self) -> int:
        """The larger of both, in bytes."""
        return max(self.largest_input, self.largest_output)


@dataclass
class Measures:
    """All states since the last clearing."""

    states: dict[str, Measure] = field(default_factory=dict)
    events: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Begins anew."""
        with self._lock:
            self.states, self.events = {}, 0

    def see(self, details: dict[str, Any]) -> None:
        """Takes an event of a history into account."""
        with self._lock:
            self.events += 1
            if entered := details.get("stateEnteredEventDetails"):
                state = self.states.setdefault(entered["name"], Measure())
                state.entered += 1
                state.largest_input = max(state.largest_input, len(entered["input"].encode()))
            if left := details.get("stateExitedEventDetails"):
                state = self.states.setdefault(left["name"], Measure())
                state.largest_output = max(state.largest_output, len(left["output"].encode()))

    def transitions(self) -> int:
        """How many states were entered, children of a Map included."""
        with self._lock:
            return sum(state.entered for state in self.states.values())


# The measures of this process's emulator.
measures = Measures()


def install() -> None:
    """Sees every event that is added to a history."""
    publish = EventManager._publish_history_event

    def seen(self: EventManager, **event: Any) -> None:
        measures.see(event.get("event_details") or {})
        publish(self, **event)

    EventManager._publish_history_event = seen
