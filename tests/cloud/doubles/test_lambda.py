"""Lambda as the emulator has it, and the faults that befall what functions do."""

import json
import threading
import time
from typing import Any

from emulator.faults import Fault

from .functions import deploy
from .rig import Case, client, emulator


class Functions(Case):
    def setUp(self) -> None:
        super().setUp()
        endpoint = emulator().endpoint
        self.functions = client("lambda", endpoint)
        self.iam = client("iam", endpoint)
        self.addCleanup(emulator().gate.faults.set)

    def deploy(self, timeout: int = 20) -> None:
        deploy(self.functions, self.iam, self.name, timeout)

    def invoke(self, **event: Any) -> tuple[str | None, Any]:
        answer = self.functions.invoke(FunctionName=self.name, Payload=json.dumps(event))
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def test_a_process_is_used_again_and_knows_what_is_configured(self) -> None:
        self.deploy()
        _, first = self.invoke(a=1)
        _, second = self.invoke(a=2)
        self.assertEqual(first["pid"], second["pid"])
        self.assertEqual((first["name"], first["stage"], second["calls"]), (self.name, "deployed", 2))
        self.assertTrue(18 < second["left"] <= 20, "the deadline is a moment in milliseconds")
        self.assertIn("pipelines", first["cwd"])

    def test_calls_at_a_time_have_processes_of_their_own(self) -> None:
        self.deploy()
        pids: list[int] = []
        callers = [threading.Thread(target=lambda: pids.append(self.invoke(sleep=0.5)[1]["pid"])) for _ in range(3)]
        began = time.monotonic()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        self.assertEqual(len(set(pids)), 3)
        self.assertLess(time.monotonic() - began, 5)

    def test_an_error_has_the_name_that_the_function_gave_it(self) -> None:
        self.deploy()
        self.assertEqual(
            self.invoke(**{"raise": "Transient"}), ("Unhandled", {"errorType": "Transient", "errorMessage": "as asked"})
        )

    def test_a_process_that_ends_is_an_error_and_the_next_call_has_another(self) -> None:
        self.deploy()
        error, body = self.invoke(exit=7)
        self.assertEqual((error, body["errorType"]), ("Unhandled", "Runtime.ExitError"))
        self.assertIn("exit status 7", body["errorMessage"])
        self.assertEqual(self.invoke(a=1)[1]["calls"], 1)

    def test_a_call_that_takes_too_long_is_ended(self) -> None:
        self.deploy(timeout=1)
        error, body = self.invoke(sleep=30)
        self.assertEqual((error, body["errorType"]), ("Unhandled", "Sandbox.Timedout"))
        self.assertEqual(self.invoke(a=1)[1]["calls"], 1)

    def test_a_deadline_can_be_shortened(self) -> None:
        self.deploy()
        emulator().host.shorten(self.name, 0.5)
        self.addCleanup(emulator().host.shorten, self.name, None)
        self.assertLess(self.invoke()[1]["left"], 0.6)
        self.assertEqual(self.invoke(sleep=5)[1]["errorType"], "Sandbox.Timedout")

    def test_an_answer_is_bounded(self) -> None:
        self.deploy()
        self.assertEqual(self.invoke(big=6 * 1024 * 1024 + 1)[1]["errorType"], "Function.ResponseSizeTooLarge")

    def test_what_a_call_took_is_measured(self) -> None:
        self.deploy()
        before = len(emulator().host.used())
        self.invoke(sleep=0.2)
        (used,) = emulator().host.used()[before:]
        self.assertTrue(used.cold and used.error is None and used.peak_megabytes > 1)
        self.assertGreaterEqual(used.megabyte_seconds, 0.2 * 256)
        self.assertTrue(any("sleep" in line for line in emulator().host.logs(self.name)))

    def exists(self, key: str) -> bool:
        return "Contents" in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key)

    def test_an_answer_that_is_lost_was_done(self) -> None:
        self.deploy()
        fault = Fault("lose", service="s3", operation="PutObject", principal=self.name)
        emulator().gate.faults.set(fault)
        error, _ = self.invoke(put=[self.bucket, "k"])
        self.assertEqual((error, fault.seen, fault.struck), (None, 2, 1), "it tries again")
        self.assertTrue(self.exists("k"))

    def test_a_process_is_killed_in_the_middle_before_or_after_its_write(self) -> None:
        self.deploy()
        for kind, done in (("kill", False), ("kill-after", True)):
            emulator().gate.faults.set(Fault(kind, operation="PutObject", principal=self.name))
            self.assertEqual(self.invoke(put=[self.bucket, kind + "x"])[1]["errorType"], "Runtime.ExitError")
            self.assertEqual(self.exists(kind + "x"), done, kind)

    def test_requests_are_throttled(self) -> None:
        emulator().gate.faults.set(Fault("throttle", service="s3", operation="PutObject", every=2, times=9))
        self.put("a", "1")
        with self.refusal("SlowDown"):
            self.put("b", "1")
        self.put("c", "1")
        emulator().gate.faults.set(Fault("throttle", service="glue"))
        with self.refusal("ThrottlingException"):
            self.glue.get_databases()
