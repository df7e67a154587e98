"""Step Functions as the emulator has it."""

import json
from typing import Any

from emulator.states.events import measures
from world.clients import until

from .functions import ROLE, deploy
from .rig import Case, client, emulator


class Machines(Case):
    def setUp(self) -> None:
        super().setUp()
        endpoint = emulator().endpoint
        self.states = client("stepfunctions", endpoint)
        self.function = deploy(client("lambda", endpoint), client("iam", endpoint), self.name)

    def task(self, **more: Any) -> dict[str, Any]:
        return {"Type": "Task", "Resource": self.function, "End": True, **more}

    def machine(self, *states: tuple[str, dict[str, Any]]) -> str:
        definition = {"StartAt": states[0][0], "States": dict(states)}
        made = self.states.create_state_machine(name=self.name, definition=json.dumps(definition), roleArn=ROLE)
        return str(made["stateMachineArn"])

    def start(self, machine: str, given: Any, name: str = "one") -> str:
        started = self.states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        ended: dict[str, Any] = until(look)
        return ended

    def output(self, machine: str, given: Any) -> Any:
        ended = self.ended(self.start(machine, given))
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        return json.loads(ended["output"])

    def history(self, execution: str) -> list[dict[str, Any]]:
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]


class Plain(Machines):
    def test_errors_are_matched_by_their_names(self) -> None:
        retry = {"ErrorEquals": ["Transient"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}
        catch = {"ErrorEquals": ["Transient"], "ResultPath": "$.failure", "Next": "Caught"}
        machine = self.machine(
            ("Work", self.task(Retry=[retry], Catch=[catch])), ("Caught", {"Type": "Pass", "End": True})
        )
        execution = self.start(machine, {"raise": "Transient"})
        self.assertEqual(json.loads(self.ended(execution)["output"])["failure"]["Error"], "Transient")
        scheduled = [event for event in self.history(execution) if event["type"] == "LambdaFunctionScheduled"]
        self.assertEqual(len(scheduled), 2)
        other = self.ended(self.start(machine, {"raise": "BadData"}, name="two"))
        self.assertEqual((other["status"], other["error"]), ("FAILED", "BadData"))

    def test_the_context_is_known_and_a_text_is_a_text(self) -> None:
        told = {"name.$": "$$.Execution.Name", "at.$": "$$.Execution.StartTime"}
        machine = self.machine(
            ("A", {"Type": "Pass", "Parameters": told, "Next": "B"}),
            ("B", {"Type": "Pass", "OutputPath": "$.at", "End": True}),
        )
        self.assertRegex(self.output(machine, {}), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_a_payload_of_256_kilobytes_is_too_large(self) -> None:
        machine = self.machine(("Work", self.task()))
        ended = self.ended(self.start(machine, {"big": 262_145}))
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "States.DataLimitExceeded"))

    def test_a_name_stands_for_one_execution(self) -> None:
        machine = self.machine(("Work", self.task()))
        first = self.start(machine, {"sleep": 1})
        self.assertEqual(self.start(machine, {"sleep": 1}), first)
        with self.refusal("ExecutionAlreadyExists"):
            self.start(machine, {"sleep": 2})
        self.ended(first)
        with self.refusal("ExecutionAlreadyExists"):
            self.start(machine, {"sleep": 1})

    def test_transitions_lead_somewhere(self) -> None:
        for states in (
            [("A", {"Type": "Pass", "Next": "Nowhere"})],
            [("A", {"Type": "Pass", "End": True}), ("B", {"Type": "Pass", "End": True})],
        ):
            with self.refusal("InvalidDefinition"):
                self.machine(*states)

    def test_payloads_are_measured(self) -> None:
        measures.clear()
        machine = self.machine(("Measured", {"Type": "Pass", "Result": "x" * 1000, "End": True}))
        self.output(machine, {})
        self.assertEqual(measures.states["Measured"].largest, 1002)

    def test_a_redrive_goes_on_where_it_failed(self) -> None:
        machine = self.machine(("First", {"Type": "Pass", "Next": "Work"}), ("Work", self.task()))
        execution = self.start(machine, {"raise": "Broken"})
        self.assertEqual(self.ended(execution)["status"], "FAILED")
        self.states.redrive_execution(executionArn=execution)
        ended = self.ended(execution)
        self.assertEqual((ended["status"], ended["redriveCount"]), ("FAILED", 1))
        entered = [
            event["stateEnteredEventDetails"]["name"]
            for event in self.history(execution)
            if "stateEnteredEventDetails" in event
        ]
        self.assertEqual(entered, ["First", "Work", "Work"])

    def test_a_redrive_of_a_fail_state_fails_again_and_of_a_success_is_refused(self) -> None:
        choice = {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": True, "Next": "Fail"}],
            "Default": "Done",
        }
        machine = self.machine(
            ("Choose", choice), ("Fail", {"Type": "Fail", "Error": "E"}), ("Done", {"Type": "Succeed"})
        )
        execution = self.start(machine, {"fail": True})
        self.ended(execution)
        self.states.redrive_execution(executionArn=execution)
        self.assertEqual(self.ended(execution)["status"], "FAILED")
        good = self.start(machine, {"fail": False}, name="two")
        self.ended(good)
        with self.refusal("ExecutionNotRedrivable"):
            self.states.redrive_execution(executionArn=good)


class Maps(Machines):
    def map(self, items: list[Any], **more: Any) -> str:
        self.put("items.jsonl", "".join(json.dumps(item) + "\n" for item in items))
        reader = {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket": self.bucket, "Key.$": "$.key"},
        }
        state = {
            "Type": "Map",
            "ItemReader": reader,
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "raise.$": "$$.Map.Item.Value.raise"},
            "MaxConcurrencyPath": "$.most",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Each",
                "States": {"Each": self.task()},
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": self.bucket, "Prefix.$": "$.results"},
            },
            "End": True,
            **more,
        }
        return self.machine(("Map", state))

    def items(self, *failing: int) -> list[Any]:
        return [{"n": number, "raise": "BadData" if number in failing else None} for number in range(6)]

    def given(self, most: int = 3) -> dict[str, Any]:
        return {"key": "items.jsonl", "most": most, "results": "results"}

    def results(self, output: Any, status: str) -> list[dict[str, Any]]:
        written = output["ResultWriterDetails"]
        manifest = json.loads(self.s3.get_object(Bucket=written["Bucket"], Key=written["Key"])["Body"].read())
        keys = [entry["Key"] for entry in manifest["ResultFiles"][status]]
        return [
            row for key in keys for row in json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        ]

    def test_results_are_written(self) -> None:
        output = self.output(self.map(self.items()), self.given())
        found = [json.loads(row["Output"])["item"]["n"] for row in self.results(output, "SUCCEEDED")]
        self.assertEqual(found, list(range(6)))

    def test_a_failed_child_fails_the_map_where_nothing_is_tolerated(self) -> None:
        ended = self.ended(self.start(self.map(self.items(2)), self.given()))
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "States.ExceedToleratedFailureThreshold"))

    def test_a_child_that_cannot_be_given_its_input_has_failed(self) -> None:
        machine = self.map(self.items(), ItemSelector={"none.$": "$.nowhere"})
        ended = self.ended(self.start(machine, self.given()))
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "States.ExceedToleratedFailureThreshold"))

    def test_as_many_may_fail_as_are_tolerated(self) -> None:
        machine = self.map(self.items(1, 2), ToleratedFailurePercentage=34)
        output = self.output(machine, self.given())
        self.assertEqual(len(self.results(output, "SUCCEEDED")), 4)
        self.assertEqual([row["Error"] for row in self.results(output, "FAILED")], ["BadData", "BadData"])

    def test_a_redrive_runs_again_only_what_failed(self) -> None:
        machine = self.map(self.items(5))
        # One at a time: others that run when one fails are ended, and run again too.
        execution = self.start(machine, self.given(most=1))
        self.assertEqual(self.ended(execution)["status"], "FAILED")
        before = len(emulator().host.used())
        # What was wrong with the item is mended: the list is read anew.
        self.put("items.jsonl", "".join(json.dumps(item) + "\n" for item in self.items()))
        self.states.redrive_execution(executionArn=execution)
        ended = self.ended(execution)
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        self.assertEqual(len(emulator().host.used()) - before, 1)
        self.assertEqual(len(self.results(json.loads(ended["output"]), "SUCCEEDED")), 6)
