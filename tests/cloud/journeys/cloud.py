"""The cloud that a journey goes through: an emulator with the deployed stack, sources, and secrets in their place."""

import contextlib
import json
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulator.faults import Fault
from emulator.server import Emulator
from world import binaries, local, stack
from world.clients import client, until
from world.matrix import Matrix
from world.postgres import Postgres
from world.source import Source

from .figures import Figures, Recorder

# Of what a wait of the state machine is told to last, so much it lasts here.
PACE = 0.1
# How long an execution may take on a busy machine.
PATIENCE = 300.0


class Cloud:
    """Everything, from the sources to the deployed stack."""

    def __init__(self, products: int = 150) -> None:
        self._end = contextlib.ExitStack()
        self.scratch = Path(self._end.enter_context(tempfile.TemporaryDirectory(prefix="cloud-")))
        self.pipelines = binaries.ROOT / "pipelines"
        self.gins = self._end.enter_context(Source("gins", "--products", str(products)))
        self.gins.params["requests_per_second"] = "1000"
        self.matrix = self._end.enter_context(Matrix())
        self.postgres = self._end.enter_context(Postgres())
        self.emulator = Emulator(postgres=self.postgres.dsn, pace=PACE)
        self.emulator.start()
        self._end.callback(self.emulator.stop)
        self.stack = stack.deploy(
            stack.synthesise(self._deployment(), self.pipelines, self.scratch), self.emulator.endpoint
        )
        self.bucket = self.stack.outputs["BucketName"]
        self.machine = self.stack.outputs["StateMachineArn"]
        self.s3 = self.client("s3")
        self.glue = self.client("glue")
        self.athena = self.client("athena")
        self.states = self.client("stepfunctions")
        self._keep_secrets()
        self.recorder = Recorder(self.emulator)

    def stop(self) -> None:
        """Ends everything."""
        self._end.close()

    def other_gins(self, seed: int, products: int) -> Source:
        """Another catalogue under the same key."""
        source: Source = self._end.enter_context(Source("gins", "--products", str(products), "--seed", str(seed)))
        source.params["requests_per_second"] = "1000"
        return source

    def client(self, service: str) -> Any:
        """A client of a person who looks at the cloud."""
        return client(service, self.emulator.endpoint, "person")

    def _deployment(self) -> dict[str, Any]:
        sources: tuple[local.Origin, ...] = (self.gins, self.matrix)
        deployed: dict[str, Any] = {
            folder.name: {"deployed": False} for folder in self.pipelines.iterdir() if folder.is_dir()
        }
        deployed |= {source.pipeline: {"params": source.params} for source in sources}
        return {"name": "lakehead", "pipelines": deployed, "redshift": {}}

    def _keep_secrets(self) -> None:
        """`LAKEHEAD_SECRET_GINS_API_KEY` is `lakehead/gins/api_key` in the cloud."""
        secrets = self.client("secretsmanager")
        for source in (self.gins, self.matrix):
            for variable, value in source.secrets.items():
                what = variable.removeprefix(f"LAKEHEAD_SECRET_{source.pipeline.upper()}_").lower()
                secrets.create_secret(Name=f"lakehead/{source.pipeline}/{what}", SecretString=value)

    def scheduled(self, pipeline: str, at: str, **changes: Any) -> dict[str, Any]:
        """What the schedule of a pipeline gives the state machine at an instant."""
        return {**self.stack.input_of(pipeline, at), **changes}

    def start(self, given: dict[str, Any], name: str | None = None) -> str:
        """Starts an execution, as a schedule does: under a name that nobody chose."""
        started = self.states.start_execution(
            stateMachineArn=self.machine, name=name or str(uuid.uuid4()), input=json.dumps(given)
        )
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        """An execution when it has ended."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        ended: dict[str, Any] = until(look, PATIENCE)
        return ended

    def history(self, execution: str) -> list[dict[str, Any]]:
        """All events of an execution."""
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]

    @contextlib.contextmanager
    def befallen_by(self, *faults: Fault) -> Iterator[None]:
        """A time in which requests are befallen by faults."""
        self.emulator.gate.faults.set(*faults)
        try:
            yield
        finally:
            self.emulator.gate.faults.set()

    @contextlib.contextmanager
    def recorded(self) -> Iterator[Figures]:
        """A time that is measured."""
        figures = Figures()
        before = self.recorder.mark()
        yield figures
        self.recorder.fill(figures, before)

    def query(self, sql: str, database: str = "default") -> str:
        """Runs a statement of Athena; answers its id."""
        started = self.athena.start_query_execution(
            QueryString=sql, WorkGroup=self.stack.outputs["WorkgroupName"], QueryExecutionContext={"Database": database}
        )

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
            status = found["QueryExecution"]["Status"]
            return status if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        status = until(look)
        if status["State"] != "SUCCEEDED":
            raise RuntimeError(f"{status['State']}: {status.get('StateChangeReason')} in {sql}")
        return str(started["QueryExecutionId"])

    def objects(self, prefix: str) -> dict[str, bytes]:
        """All objects below a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}
