"""Athena as the emulator has it."""

from datetime import datetime
from typing import Any

from .rig import Case

COLUMNS = {"id": "bigint", "name": "string"}


class Reading(Case):
    def test_a_list_of_links_is_the_table(self) -> None:
        one = self.parquet("data/1.parquet", id=[1, 2], name=["a", None])
        self.parquet("data/2.parquet", id=[3], name=["c"])
        self.put("links/symlink.txt", f"{one}\n")
        self.table("t", COLUMNS, f"s3://{self.bucket}/links/", symlinks=True)
        self.assertEqual(self.query("SELECT * FROM t ORDER BY id"), [["1", "a"], ["2", None]])

    def test_only_registered_partitions_are_read_and_their_key_is_typed(self) -> None:
        for day in (1, 2):
            self.parquet(f"t/day=2026-01-0{day}/x.parquet", id=[day], name=["n"])
        location = f"s3://{self.bucket}/t/"
        self.table("t", COLUMNS, location, keys={"day": "date"})
        self.assertEqual(self.query("SELECT count(*) AS n FROM t"), [["0"]])
        storage = self.storage(COLUMNS, location + "day=2026-01-02/")
        self.glue.create_partition(
            DatabaseName=self.database,
            TableName="t",
            PartitionInput={"Values": ["2026-01-02"], "StorageDescriptor": storage},
        )
        found = self.query("SELECT id, day + INTERVAL '1' DAY AS after FROM t WHERE day = DATE '2026-01-02'")
        self.assertEqual(found[0][0], "2")
        self.assertTrue(str(found[0][1]).startswith("2026-01-03"))

    def test_hidden_files_are_not_read(self) -> None:
        for key in ("t/a.parquet", "t/_b.parquet", "t/.c.parquet", "t/_versions/d.parquet"):
            self.parquet(key, id=[1], name=["x"])
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/")
        self.assertEqual(self.query("SELECT count(*) AS n FROM t"), [["1"]])

    def test_a_file_of_another_type_is_bad_data(self) -> None:
        self.parquet("t/a.parquet", id=["1"], name=["x"])
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/")
        self.assertIn("HIVE_BAD_DATA", self.failure("SELECT * FROM t"))

    def test_a_link_to_nothing_is_an_error(self) -> None:
        self.put("links/symlink.txt", f"s3://{self.bucket}/gone.parquet\n")
        self.table("t", COLUMNS, f"s3://{self.bucket}/links/", symlinks=True)
        self.assertIn("HIVE_CANNOT_OPEN_SPLIT", self.failure("SELECT * FROM t"))

    def test_whole_numbers_divide_as_in_trino_and_timestamps_keep_milliseconds(self) -> None:
        self.parquet("t/a.parquet", at=[datetime(2026, 1, 1, 0, 0, 0, 123456)])
        self.table("t", {"at": "timestamp"}, f"s3://{self.bucket}/t/")
        self.assertEqual(
            self.query("SELECT 7/2 AS a, 7.0E0/2 AS b, at, 1E7 AS c FROM t"),
            [["3", "3.5", "2026-01-01 00:00:00.123", "1.0E7"]],
        )

    def test_mistakes_are_named(self) -> None:
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/")
        for sql, code in {
            "SELEC 1": "SYNTAX_ERROR",
            "SELECT `id` FROM t": "SYNTAX_ERROR",
            "SELECT nope FROM t": "COLUMN_NOT_FOUND",
            "SELECT 1 AS x FROM nowhere": "TABLE_NOT_FOUND",
            "SELECT 1 AS x FROM nowhere.t": "SCHEMA_NOT_FOUND",
            "SELECT list_aggregate(ARRAY[1], 'sum') AS x": "FUNCTION_NOT_FOUND",
        }.items():
            self.assertIn(code, self.failure(sql), sql)

    def test_types_are_not_coerced(self) -> None:
        self.parquet("t/a.parquet", id=[1], name=["x"])
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/")
        for wrong in (
            "name = 1",
            "id = '1'",
            "id IN (1, '2')",
            "DATE '2026-01-01' = '2026-01-01'",
            "name BETWEEN 1 AND 2",
            "name || id = 'x1'",
            "EXISTS (SELECT 1 FROM t AS u WHERE u.id = t.name)",
        ):
            self.assertRegex(self.failure(f"SELECT 1 AS x FROM t WHERE {wrong}"), "TYPE_MISMATCH|FUNCTION", wrong)
        for right in (
            "id = 1.5",
            "name = 'x'",
            "name || CAST(id AS varchar) = 'x1'",
            "DATE '2026-01-01' < TIMESTAMP '2026-01-01 10:00:00'",
            "id IN (SELECT max(id) FROM t)",
            "(id = 1) = true",
            "coalesce(name, 'y') = 'x'",
        ):
            self.query(f"SELECT 1 AS x FROM t WHERE {right}")


class Making(Case):
    def ctas(self, name: str, query: str, **properties: str) -> str:
        given = {"format": "'PARQUET'", "external_location": f"'s3://{self.bucket}/{name}/'", **properties}
        listed = ", ".join(f"{key} = {value}" for key, value in given.items())
        return f'CREATE TABLE "{self.database}"."{name}" WITH ({listed}) AS {query}'

    def test_a_table_from_a_query(self) -> None:
        query = "SELECT 1 AS id, CAST('a' AS varchar) AS name UNION ALL SELECT 2, 'b' UNION ALL SELECT 3, 'c'"
        execution = self.ended(self.start(self.ctas("made", query)))
        self.assertEqual(execution["Status"]["State"], "SUCCEEDED", execution)
        table = self.glue.get_table(DatabaseName=self.database, Name="made")["Table"]
        kinds = [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
        self.assertEqual(kinds, [("id", "int"), ("name", "string")])
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="made/")["Contents"]
        self.assertEqual(len(listed), 2, "two files, in no order")
        self.assertEqual(sorted(row["id"] for row in self.read_parquet("made/")), [1, 2, 3])
        self.assertEqual(self.query("SELECT * FROM made ORDER BY id")[0], ["1", "a"])
        results = self.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
        self.assertEqual(results["UpdateCount"], 3)

    def test_a_place_that_is_taken_is_refused(self) -> None:
        self.put("made/x", "x")
        self.assertIn("HIVE_PATH_ALREADY_EXISTS", self.failure(self.ctas("made", "SELECT 1 AS a")))

    def test_more_than_a_hundred_partitions_are_too_many(self) -> None:
        days = "SELECT 1 AS a, CAST(d AS varchar) AS d FROM UNNEST(sequence(1, {})) AS t(d)"
        parted = {"partitioned_by": "ARRAY['d']"}
        self.assertIn("HIVE_TOO_MANY_OPEN", self.failure(self.ctas("made", days.format(101), **parted)))
        self.assertEqual(
            self.ended(self.start(self.ctas("fits", days.format(100), **parted)))["Status"]["State"], "SUCCEEDED"
        )
        self.assertEqual(self.query("SELECT count(*) AS n FROM fits"), [["100"]])

    def test_columns_have_names_and_types(self) -> None:
        self.assertIn("COLUMN_TYPE_UNKNOWN", self.failure(self.ctas("a", "SELECT NULL AS a")))
        self.assertIn("MISSING_COLUMN_NAME", self.failure(self.ctas("b", "SELECT 1 + 1")))
        self.assertIn("DUPLICATE_COLUMN_NAME", self.failure(self.ctas("c", "SELECT 1 AS x, 2 AS x")))

    def test_a_workgroup_may_keep_the_place_to_itself(self) -> None:
        configuration = {
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/r/"},
        }
        self.athena.create_work_group(Name=self.name, Configuration=configuration)
        execution = self.ended(self.start(self.ctas("made", "SELECT 1 AS a"), WorkGroup=self.name))
        self.assertIn("external_location", execution["Status"]["StateChangeReason"])

    def test_a_view_is_read_and_replaced_and_dropped(self) -> None:
        self.parquet("t/a.parquet", id=[1], name=["x"])
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/")
        for factor in (2, 3):
            made = self.ended(self.start(f"CREATE OR REPLACE VIEW v AS SELECT id * {factor} AS more FROM t"))
            self.assertEqual(made["Status"]["State"], "SUCCEEDED")
            self.assertEqual(self.query("SELECT more FROM v"), [[str(factor)]])
        self.assertEqual(self.ended(self.start("DROP VIEW v"))["Status"]["State"], "SUCCEEDED")
        self.assertIn("TABLE_NOT_FOUND", self.failure("SELECT more FROM v"))

    def test_tables_are_dropped_and_their_files_stay(self) -> None:
        self.ended(self.start(self.ctas("made", "SELECT 1 AS a")))
        self.assertIn("SYNTAX_ERROR", self.failure(f'DROP TABLE "{self.database}"."made"'))
        dropped = self.ended(self.start(f"DROP TABLE `{self.database}`.`made`"))
        self.assertEqual(dropped["Status"]["State"], "SUCCEEDED", dropped)
        self.assertEqual(len(self.read_parquet("made/")), 1)
        self.assertEqual(self.ended(self.start("DROP TABLE IF EXISTS made"))["Status"]["State"], "SUCCEEDED")

    def test_rows_are_unloaded(self) -> None:
        self.parquet("t/a.parquet", id=[1, 2], name=["x", "y"])
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/")
        sql = f"UNLOAD (SELECT id FROM t) TO 's3://{self.bucket}/out/' WITH (format = 'PARQUET')"
        self.assertEqual(self.ended(self.start(sql))["Status"]["State"], "SUCCEEDED")
        self.assertEqual(sorted(row["id"] for row in self.read_parquet("out/")), [1, 2])


class Calling(Case):
    TOKEN = "t" * 32

    def test_a_query_is_seen_waiting_and_running_and_then_done(self) -> None:
        identifier = self.start("SELECT 1 AS a")
        seen: list[str] = []
        while not seen or seen[-1] in ("QUEUED", "RUNNING"):
            found = self.athena.get_query_execution(QueryExecutionId=identifier)
            seen.append(found["QueryExecution"]["Status"]["State"])
        self.assertEqual([seen[0], seen[1], seen[-1]], ["QUEUED", "RUNNING", "SUCCEEDED"])

    def test_a_token_stands_for_one_query(self) -> None:
        first = self.start("SELECT 1 AS a", ClientRequestToken=self.TOKEN)
        self.assertEqual(self.start("SELECT 1 AS a", ClientRequestToken=self.TOKEN), first)
        with self.refusal("InvalidRequestException"):
            self.start("SELECT 2 AS a", ClientRequestToken=self.TOKEN)

    def test_a_statement_has_an_end(self) -> None:
        with self.refusal("InvalidRequestException"):
            self.start("SELECT 1 AS a -- " + "x" * 262_144)

    def test_a_result_comes_in_pages(self) -> None:
        identifier = self.start("SELECT n FROM UNNEST(sequence(1, 5)) AS t(n) ORDER BY n")
        self.ended(identifier)
        token: dict[str, Any] = {}
        rows: list[str] = []
        while True:
            page = self.athena.get_query_results(QueryExecutionId=identifier, MaxResults=2, **token)
            rows += [row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        self.assertEqual(rows, ["n", "1", "2", "3", "4", "5"])

    def test_a_query_that_goes_on_has_no_result_and_can_be_stopped(self) -> None:
        identifier = self.start("SELECT 1 AS a")
        with self.refusal("InvalidRequestException"):
            self.athena.get_query_results(QueryExecutionId=identifier)
        with self.refusal("InvalidRequestException"):
            self.athena.get_query_execution(QueryExecutionId="unknown")
