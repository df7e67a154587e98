"""Time within executions: a test need not wait as long as a source wants."""

import time as clock

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment


class _Paced:
    """What the interpreter takes for the module `time`."""

    def __init__(self, pace: float):
        self._pace = pace

    def sleep(self, seconds: float) -> None:
        """Waits before another attempt."""
        clock.sleep(seconds * self._pace)


def install(pace: float) -> None:
    """Waits of states and between attempts take `pace` of their seconds."""

    def wait(self: WaitFunction, env: Environment, wait_seconds: float) -> None:
        # Whatever ends the execution ends the wait.
        env.program_state_event.wait(wait_seconds * pace)

    WaitFunction._wait_interval = wait
    retrier_decl.time = _Paced(pace)
