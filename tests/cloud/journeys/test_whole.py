"""What is known when all journeys are made: permissions, secrets and costs."""

import re

from emulator.witness import journal

from . import costs, permissions
from .rig import Journey, taken

# A state carries references and counts, never data.
LARGEST_PAYLOAD = 4096


class Whole(Journey):
    def test_permissions_are_those_that_are_used(self) -> None:
        machine = self.cloud.states.describe_state_machine(stateMachineArn=self.cloud.machine)
        granted = permissions.granted(
            self.cloud.stack, self.cloud.client("iam"), self.cloud.client("lambda"), machine["roleArn"]
        )
        findings = permissions.compare(self.cloud.stack, granted, journal.actions())
        print("\npermissions\n" + "\n".join(findings.lines()))
        self.assertEqual(findings.not_granted, [], "used and not granted")
        self.assertEqual(findings.unused, [], "granted and not used")
        self.assertEqual(findings.wildcards, [], "wildcard actions")

    def test_payloads_are_small(self) -> None:
        for name, figures in taken.items():
            self.assertLess(figures.largest_payload, LARGEST_PAYLOAD, name)

    def test_secrets_are_nowhere(self) -> None:
        """Not in what functions wrote, not in any history, not in the bucket but where raw pages have them."""
        needles = [value for source in (self.cloud.gins, self.cloud.matrix) for value in source.secrets.values()]
        pattern = re.compile("|".join(re.escape(needle) for needle in needles))
        host = self.cloud.emulator.host
        logs = [line for function in self._functions() for line in host.logs(function)]
        self.assertGreater(len(logs), 0)
        self.assertEqual([line for line in logs if pattern.search(line)], [], "logs")
        executions = self.cloud.states.list_executions(stateMachineArn=self.cloud.machine)["executions"]
        for execution in executions:
            for event in self.cloud.history(execution["executionArn"]):
                self.assertIsNone(pattern.search(str(event)), "a history")
        for key, body in self.cloud.objects("objects/").items():
            self.assertIsNone(pattern.search(body.decode("utf-8", "replace")), key)

    def test_what_it_costs(self) -> None:
        client = self.cloud.client("scheduler")
        print(f"\ncosts a month, list prices of {costs.PRICED}; time was measured with this build of the functions")
        for pipeline in ("gins", "matrix"):
            figures = taken.get(f"{pipeline}, by its schedule")
            self.assertIsNotNone(figures, "the run is measured before")
            assert figures is not None
            (found,) = client.list_schedules(NamePrefix=pipeline)["Schedules"]
            schedule = client.get_schedule(Name=pipeline, GroupName=found["GroupName"])
            cost = costs.Cost(pipeline, costs.runs_a_month(schedule["ScheduleExpression"]), figures)
            print("\n".join(["", *cost.lines()]))
            self.assertGreater(cost.run, 0)

    def _functions(self) -> list[str]:
        return [one["FunctionName"] for one in self.cloud.client("lambda").list_functions()["Functions"]]
