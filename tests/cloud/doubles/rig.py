"""One emulator and one PostgreSQL for all tests of a process."""

import atexit
import functools
import io
import unittest
from typing import Any

import pyarrow
import pyarrow.parquet
from botocore.exceptions import ClientError

from emulator.server import Emulator
from world.clients import client, until
from world.postgres import Postgres


@functools.cache
def emulator() -> Emulator:
    """The emulator; it ends with the process."""
    made = Emulator(postgres=postgres().dsn)
    made.start()
    atexit.register(made.stop)
    return made


@functools.cache
def postgres() -> Postgres:
    """The database that answers for Redshift."""
    server = Postgres()
    atexit.register(server.__exit__, None, None, None)
    return server


class Case(unittest.TestCase):
    """A test with a bucket and a database of the catalogue of its own."""

    def setUp(self) -> None:
        endpoint = emulator().endpoint
        self.s3 = client("s3", endpoint)
        self.glue = client("glue", endpoint)
        self.athena = client("athena", endpoint)
        self.redshift = client("redshift-data", endpoint)
        # `doubles.test_athena.Making.test_a_view` -> `making-a-view`
        name = "-".join(self.id().split(".")[-2:]).lower().replace("test_", "").replace("_", "-")
        self.name = name[:50].strip("-")
        self.bucket = f"b-{self.name}"
        self.database = "d_" + self.name.replace("-", "_")
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def put(self, key: str, body: bytes | str) -> str:
        """Puts an object; answers its address."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def parquet(self, key: str, **columns: Any) -> str:
        """Puts a Parquet file; answers its address."""
        body = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(columns), body)
        return self.put(key, body.getvalue())

    def read_parquet(self, prefix: str) -> list[dict[str, Any]]:
        """All rows of the Parquet files below a prefix."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        bodies = (self.s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read() for entry in found)
        return [row for body in bodies for row in pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()]

    def refusal(self, code: str) -> Any:
        """A context in which AWS answers with this error."""
        return _Refusal(self, code)

    def start(self, sql: str, **options: Any) -> str:
        """Starts a query of Athena."""
        started = self.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/athena/"},
            **options,
        )
        return str(started["QueryExecutionId"])

    def ended(self, identifier: str) -> dict[str, Any]:
        """A query of Athena when it has ended."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
            return found if found["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        ended: dict[str, Any] = until(look)
        return ended

    def query(self, sql: str) -> list[list[str | None]]:
        """The rows of a query, without the names."""
        execution = self.ended(self.start(sql))
        self.assertEqual(execution["Status"]["State"], "SUCCEEDED", execution["Status"])
        found = self.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
        return [[value.get("VarCharValue") for value in row["Data"]] for row in found["ResultSet"]["Rows"]][1:]

    def failure(self, sql: str) -> str:
        """Why a query failed."""
        status = self.ended(self.start(sql))["Status"]
        self.assertEqual(status["State"], "FAILED", status)
        return str(status["StateChangeReason"])

    def table(self, name: str, columns: dict[str, str], location: str, **more: Any) -> None:
        """A table of the catalogue over a location."""
        keys = more.pop("keys", {})
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys.items()],
                "StorageDescriptor": self.storage(columns, location, **more),
            },
        )

    def storage(self, columns: dict[str, str], location: str, symlinks: bool = False) -> dict[str, Any]:
        """How a table or partition is stored."""
        kind = "SymlinkTextInputFormat" if symlinks else "parquet.MapredParquetInputFormat"
        return {
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
            "Location": location,
            "InputFormat": f"org.apache.hadoop.hive.ql.io.{kind}",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
        }


class _Refusal:
    def __init__(self, test: Case, code: str):
        self._test = test
        self._code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        self._test.assertIsInstance(error, ClientError, f"{self._code} is expected")
        self._test.assertEqual(error.response["Error"]["Code"], self._code, error)
        return True
