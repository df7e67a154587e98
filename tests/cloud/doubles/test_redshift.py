"""Redshift's Data API as the emulator has it."""

import decimal
import json
from typing import Any

import pyarrow

from world.clients import until

from .rig import Case

ROLE = "IAM_ROLE 'arn:aws:iam::123456789012:role/redshift'"


class Warehouse(Case):
    """A test with a schema of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.schema = self.database
        self.ok(f"CREATE SCHEMA {self.schema}")

    def submit(self, sql: str | list[str], **options: Any) -> str:
        place = {"Database": "dev", "WorkgroupName": "warehouse", **options}
        if isinstance(sql, str):
            return str(self.redshift.execute_statement(Sql=sql, **place)["Id"])
        return str(self.redshift.batch_execute_statement(Sqls=sql, **place)["Id"])

    def ended(self, identifier: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.redshift.describe_statement(Id=identifier)
            return found if found["Status"] in ("FINISHED", "FAILED", "ABORTED") else None

        ended: dict[str, Any] = until(look)
        return ended

    def ok(self, sql: str | list[str], **options: Any) -> dict[str, Any]:
        described = self.ended(self.submit(sql, **options))
        self.assertEqual(described["Status"], "FINISHED", described)
        return described

    def error(self, sql: str | list[str]) -> str:
        described = self.ended(self.submit(sql))
        self.assertEqual(described["Status"], "FAILED", described)
        return str(described["Error"])

    def rows(self, sql: str, **options: Any) -> list[list[Any]]:
        found = self.redshift.get_statement_result(Id=self.ok(sql, **options)["Id"])
        return [
            [None if "isNull" in value else next(iter(value.values())) for value in row] for row in found["Records"]
        ]


class Calls(Warehouse):
    def test_a_statement_is_seen_on_its_way(self) -> None:
        identifier = self.submit("SELECT 1")
        seen = [self.redshift.describe_statement(Id=identifier)["Status"] for _ in range(2)]
        self.assertEqual(seen, ["SUBMITTED", "PICKED"])
        self.assertEqual(self.ended(identifier)["HasResultSet"], True)

    def test_a_batch_is_one_transaction(self) -> None:
        table = f"{self.schema}.t"
        self.ok(f"CREATE TABLE {table} (id bigint)")
        described = self.ok([f"INSERT INTO {table} VALUES (1)", f"SELECT count(*) FROM {table}"])
        self.assertEqual([sub["Status"] for sub in described["SubStatements"]], ["FINISHED", "FINISHED"])
        second = self.redshift.get_statement_result(Id=described["SubStatements"][1]["Id"])
        self.assertEqual(second["Records"], [[{"longValue": 1}]])
        failed = self.ended(self.submit([f"DELETE FROM {table}", "SELECT nope", "SELECT 1"]))
        self.assertEqual([sub["Status"] for sub in failed["SubStatements"]], ["ABORTED", "FAILED", "ABORTED"])
        self.assertEqual(self.rows(f"SELECT count(*) FROM {table}"), [[1]])

    def test_the_catalogue_names_types_as_redshift_does(self) -> None:
        self.ok(f"CREATE TABLE {self.schema}.t (a varchar(80), b decimal(3,1), c timestamptz)")
        found = self.rows(
            "SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid "
            f"JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = '{self.schema}' AND c.relname = 't' "
            "AND a.attnum > 0 ORDER BY a.attnum"
        )
        self.assertEqual(found, [["character varying(80)"], ["numeric(3,1)"], ["timestamp with time zone"]])

    def test_a_batch_has_forty_statements_at_most(self) -> None:
        self.ok(["SELECT 1"] * 40)
        with self.refusal("ValidationException"):
            self.submit(["SELECT 1"] * 41)

    def test_a_statement_has_an_end(self) -> None:
        with self.refusal("ValidationException"):
            self.submit("SELECT 1 -- " + "x" * 102_400)

    def test_what_commits_by_itself_is_no_part_of_a_batch(self) -> None:
        self.ok(f"CREATE TABLE {self.schema}.t (id bigint)")
        self.assertIn("TRUNCATE", self.error([f"TRUNCATE {self.schema}.t", "SELECT 1"]))
        self.assertIn("COMMIT", self.error(["SELECT 1", "COMMIT"]))

    def test_a_token_stands_for_one_statement(self) -> None:
        first = self.submit("SELECT 1", ClientToken=self.name)
        self.assertEqual(self.submit("SELECT 1", ClientToken=self.name), first)
        with self.refusal("ValidationException"):
            self.submit("SELECT 2", ClientToken=self.name)

    def test_one_text_is_one_statement(self) -> None:
        self.assertIn("multiple commands", self.error("SELECT 1; SELECT 2"))

    def test_a_result_comes_in_pages(self) -> None:
        self.ok(f"CREATE TABLE {self.schema}.t (id bigint)")
        for _ in range(3):
            values = ", ".join(f"({number})" for number in range(50))
            self.ok(f"INSERT INTO {self.schema}.t VALUES {values}")
        identifier = self.ok(f"SELECT id FROM {self.schema}.t")["Id"]
        first = self.redshift.get_statement_result(Id=identifier)
        rest = self.redshift.get_statement_result(Id=identifier, NextToken=first["NextToken"])
        self.assertEqual(len(first["Records"]) + len(rest["Records"]), 150)

    def test_a_statement_is_cancelled(self) -> None:
        identifier = self.submit("SELECT pg_sleep(30)")
        self.redshift.cancel_statement(Id=identifier)
        self.assertEqual(self.ended(identifier)["Status"], "ABORTED")
        with self.refusal("ValidationException"):
            self.redshift.cancel_statement(Id=identifier)

    def test_parameters_are_values(self) -> None:
        named = [{"name": "what", "value": "it's"}]
        self.assertEqual(self.rows("SELECT 'x:what' || :what", Parameters=named), [["x:whatit's"]])

    def test_a_stored_procedure_runs(self) -> None:
        body = f"$$ BEGIN INSERT INTO {self.schema}.t VALUES (7); END $$"
        self.ok(f"CREATE TABLE {self.schema}.t (id bigint)")
        self.ok(f"CREATE OR REPLACE PROCEDURE {self.schema}.p() AS {body} LANGUAGE plpgsql")
        self.ok(f"CALL {self.schema}.p()")
        self.assertEqual(self.rows(f"SELECT id FROM {self.schema}.t"), [[7]])


class Tables(Warehouse):
    def test_what_only_a_cluster_has_is_taken(self) -> None:
        self.ok(
            f"CREATE TABLE IF NOT EXISTS {self.schema}.t (id bigint NOT NULL ENCODE az64 DISTKEY, n varchar(max), "
            "s super, d decimal(12, 2) DEFAULT 0, k int IDENTITY(1, 1), PRIMARY KEY (id)) "
            "DISTSTYLE KEY COMPOUND SORTKEY (id, n)"
        )
        self.ok(f"CREATE TABLE {self.schema}.u DISTSTYLE ALL SORTKEY (id) AS SELECT id, n FROM {self.schema}.t")
        self.ok(f"CREATE TABLE {self.schema}._v (LIKE {self.schema}.t)")
        self.assertEqual(self.rows(f"SELECT nvl(null, 5), len('abc') FROM {self.schema}.t"), [])

    def test_keys_are_not_enforced(self) -> None:
        self.ok(f"CREATE TABLE {self.schema}.t (id bigint, n int UNIQUE, PRIMARY KEY (id))")
        self.ok(f"INSERT INTO {self.schema}.t VALUES (1, 1), (1, 1)")
        self.assertIn("null value", self.error(f"INSERT INTO {self.schema}.t (n) VALUES (1)"))

    def test_lengths_count_bytes(self) -> None:
        self.ok(f"CREATE TABLE {self.schema}.t (short varchar(3), usual varchar)")
        self.ok(f"INSERT INTO {self.schema}.t VALUES ('abc', 'x')")
        self.assertIn("longer_than_3_bytes", self.error(f"INSERT INTO {self.schema}.t VALUES ('äö', 'x')"))
        self.assertIn("too long", self.error(f"INSERT INTO {self.schema}.t VALUES ('a', '{'x' * 257}')"))

    def test_what_redshift_lacks_is_refused(self) -> None:
        self.ok(f"CREATE TABLE {self.schema}.t (id bigint)")
        for sql in (
            f"INSERT INTO {self.schema}.t VALUES (1) ON CONFLICT DO NOTHING",
            f"DELETE FROM {self.schema}.t RETURNING id",
            f"SELECT DISTINCT ON (id) id FROM {self.schema}.t",
            f"SELECT count(*) FILTER (WHERE id > 1) FROM {self.schema}.t",
            f"CREATE INDEX i ON {self.schema}.t (id)",
            f"DELETE FROM {self.schema}.t x USING {self.schema}.t y WHERE x.id = y.id",
        ):
            self.assertIn("Redshift does not know", self.error(sql), sql)


class Copying(Warehouse):
    def setUp(self) -> None:
        super().setUp()
        self.into = f"{self.schema}.t"
        self.ok(f"CREATE TABLE {self.into} (id bigint, amount decimal(12,2), name varchar(20))")

    def amounts(self, *amounts: str) -> pyarrow.Array:
        return pyarrow.array([decimal.Decimal(amount) for amount in amounts], pyarrow.decimal128(12, 2))

    def test_parquet_goes_by_position(self) -> None:
        self.parquet("in/a.parquet", x=[1, 2], y=self.amounts("1.50", "2.50"), z=["a", None])
        described = self.ok(
            f"COPY {self.into} (id, amount, name) FROM 's3://{self.bucket}/in/' {ROLE} FORMAT AS PARQUET"
        )
        self.assertEqual(described["ResultRows"], 2)
        found = self.rows(f"SELECT * FROM {self.into} ORDER BY id")
        self.assertEqual(found, [[1, "1.50", "a"], [2, "2.50", None]])

    def test_parquet_must_fit(self) -> None:
        self.parquet("less/a.parquet", id=[1])
        self.assertIn(
            "number of columns", self.error(f"COPY {self.into} FROM 's3://{self.bucket}/less/' {ROLE} FORMAT PARQUET")
        )
        self.parquet("kind/a.parquet", id=pyarrow.array([1], pyarrow.int32()), amount=self.amounts("1.00"), name=["a"])
        self.assertIn(
            "incompatible", self.error(f"COPY {self.into} FROM 's3://{self.bucket}/kind/' {ROLE} FORMAT PARQUET")
        )
        self.assertIn(
            "does not exist", self.error(f"COPY {self.into} FROM 's3://{self.bucket}/none/' {ROLE} FORMAT PARQUET")
        )
        self.assertEqual(self.rows(f"SELECT count(*) FROM {self.into}"), [[0]])

    def test_a_manifest_tells_lengths(self) -> None:
        url = self.parquet("in/a.parquet", id=[1], amount=self.amounts("1.00"), name=["a"])
        length = self.s3.head_object(Bucket=self.bucket, Key="in/a.parquet")["ContentLength"]
        copy = f"COPY {self.into} FROM 's3://{self.bucket}/m' {ROLE} FORMAT PARQUET MANIFEST"
        for meta, wrong in ((None, "content_length"), (length + 1, "mismatch"), (length, None)):
            told = {} if meta is None else {"meta": {"content_length": meta}}
            self.put("m", json.dumps({"entries": [{"url": url, "mandatory": True, **told}]}))
            if wrong:
                self.assertIn(wrong, self.error(copy))
            else:
                self.ok(copy)
        self.put("m", json.dumps({"entries": [{"url": url + "x", "mandatory": True, "meta": {"content_length": 1}}]}))
        self.assertIn("Problem reading manifest", self.error(copy))

    def test_csv_cuts_decimals_off_unless_told_to_round(self) -> None:
        self.put("in/a.csv", 'id,amount,name\n1,2.005,"a,b"\n2,-2.009,\n')
        copy = f"COPY {self.into} FROM 's3://{self.bucket}/in/' {ROLE} CSV IGNOREHEADER 1"
        self.ok(copy)
        self.assertEqual(
            self.rows(f"SELECT amount, name FROM {self.into} ORDER BY id"), [["2.00", "a,b"], ["-2.00", ""]]
        )
        self.ok([f"DELETE FROM {self.into}", f"{copy} ROUNDEC EMPTYASNULL"])
        self.assertEqual(
            self.rows(f"SELECT amount, name FROM {self.into} ORDER BY id"), [["2.01", "a,b"], ["-2.01", None]]
        )
