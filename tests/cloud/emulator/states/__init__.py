"""Step Functions: moto's interpreter of Amazon States Language, switched on and mended where AWS does otherwise.

It is not our own interpreter (`shared/machine`), so the two check each other.
"""

from moto.core.config import default_user_config

from . import calls, definition, deployment, events, executions, map_run, reader, redrive, time


def install(pace: float) -> None:
    """Mends moto's Step Functions; waits take `pace` of their seconds."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    for module in (calls, definition, deployment, events, executions, map_run, reader, redrive):
        module.install()
    time.install(pace)
