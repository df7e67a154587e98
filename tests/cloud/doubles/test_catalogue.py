"""S3 and Glue as the emulator has them."""

import threading

from botocore.exceptions import ClientError

from .rig import Case

COLUMNS = {"id": "bigint"}


class Conditions(Case):
    def test_of_many_create_only_writes_one_wins(self) -> None:
        won: list[int] = []

        def write(number: int) -> None:
            try:
                self.s3.put_object(Bucket=self.bucket, Key="one", Body=str(number), IfNoneMatch="*")
                won.append(number)
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "PreconditionFailed")

        writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(len(won), 1)
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="one")["Body"].read(), str(won[0]).encode())

    def test_a_swap_needs_the_newest_etag(self) -> None:
        first = self.s3.put_object(Bucket=self.bucket, Key="p", Body="1")["ETag"]
        self.s3.put_object(Bucket=self.bucket, Key="p", Body="2", IfMatch=first)
        with self.refusal("PreconditionFailed"):
            self.s3.put_object(Bucket=self.bucket, Key="p", Body="3", IfMatch=first)

    def test_an_upload_in_parts_compares_when_it_is_completed(self) -> None:
        first = self.s3.put_object(Bucket=self.bucket, Key="p", Body="1")["ETag"]
        self.s3.put_object(Bucket=self.bucket, Key="p", Body="2")
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="p")["UploadId"]
        part = self.s3.upload_part(Bucket=self.bucket, Key="p", UploadId=upload, PartNumber=1, Body=b"x")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        for condition in ({"IfMatch": first}, {"IfNoneMatch": "*"}):
            with self.refusal("PreconditionFailed"):
                self.s3.complete_multipart_upload(
                    Bucket=self.bucket, Key="p", UploadId=upload, MultipartUpload=parts, **condition
                )


class Versions(Case):
    def update(self, version: str | None) -> None:
        named = {} if version is None else {"VersionId": version}
        table = {"Name": "t", "StorageDescriptor": self.storage(COLUMNS, f"s3://{self.bucket}/new/")}
        self.glue.update_table(DatabaseName=self.database, TableInput=table, **named)

    def version(self) -> str:
        return str(self.glue.get_table(DatabaseName=self.database, Name="t")["Table"]["VersionId"])

    def test_a_stale_version_is_refused(self) -> None:
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/")
        before = self.version()
        self.update(before)
        with self.refusal("ConcurrentModificationException"):
            self.update(before)
        self.update(self.version())

    def test_names_are_lower_case(self) -> None:
        self.table("Mixed", COLUMNS, f"s3://{self.bucket}/t/")
        self.assertEqual(self.glue.get_table(DatabaseName=self.database, Name="mixed")["Table"]["Name"], "mixed")


class Partitions(Case):
    def setUp(self) -> None:
        super().setUp()
        self.table("t", COLUMNS, f"s3://{self.bucket}/t/", keys={"day": "date"})

    def partition(self, *values: str) -> dict[str, object]:
        return {
            "Values": list(values),
            "StorageDescriptor": self.storage(COLUMNS, f"s3://{self.bucket}/t/{values[0]}/"),
        }

    def create(self, *partitions: dict[str, object]) -> list[dict[str, object]]:
        made = self.glue.batch_create_partition(
            DatabaseName=self.database, TableName="t", PartitionInputList=list(partitions)
        )
        errors: list[dict[str, object]] = made.get("Errors", [])
        return errors

    def test_a_batch_answers_what_it_did_not_do(self) -> None:
        self.assertEqual(self.create(self.partition("2026-01-01")), [])
        errors = self.create(self.partition("2026-01-01"), self.partition("2026-01-02"))
        self.assertEqual([error["PartitionValues"] for error in errors], [["2026-01-01"]])
        found = self.glue.get_partitions(DatabaseName=self.database, TableName="t")["Partitions"]
        self.assertEqual([partition["Values"] for partition in found], [["2026-01-01"], ["2026-01-02"]])
        entry = {"PartitionValueList": ["2026-01-09"], "PartitionInput": self.partition("2026-01-09")}
        updated = self.glue.batch_update_partition(DatabaseName=self.database, TableName="t", Entries=[entry])
        self.assertEqual(updated["Errors"][0]["ErrorDetail"]["ErrorCode"], "EntityNotFoundException")
        deleted = self.glue.batch_delete_partition(
            DatabaseName=self.database, TableName="t", PartitionsToDelete=[{"Values": ["2026-01-09"]}]
        )
        self.assertEqual(deleted["Errors"][0]["ErrorDetail"]["ErrorCode"], "EntityNotFoundException")

    def test_batches_are_bounded(self) -> None:
        many = [self.partition(f"2026-01-{number:03}") for number in range(101)]
        with self.refusal("InvalidInputException"):
            self.create(*many)
        with self.refusal("InvalidInputException"):
            self.glue.batch_delete_partition(
                DatabaseName=self.database, TableName="t", PartitionsToDelete=[{"Values": ["x"]}] * 26
            )

    def test_there_is_one_value_for_each_key(self) -> None:
        with self.refusal("InvalidInputException"):
            self.create(self.partition("2026-01-01", "more"))

    def test_partitions_come_in_pages(self) -> None:
        self.create(*(self.partition(f"2026-01-0{number}") for number in range(1, 6)))
        first = self.glue.get_partitions(DatabaseName=self.database, TableName="t", MaxResults=3)
        rest = self.glue.get_partitions(
            DatabaseName=self.database, TableName="t", MaxResults=3, NextToken=first["NextToken"]
        )
        self.assertEqual((len(first["Partitions"]), len(rest["Partitions"])), (3, 2))
        self.assertNotIn("NextToken", rest)
