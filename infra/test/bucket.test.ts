import { strict as assert } from "node:assert";
import { test } from "node:test";
import { ofType, PLAIN, shipped, synth, text } from "./support.js";

const data = (template: ReturnType<typeof synth>["template"]) =>
  ofType(template, "AWS::S3::Bucket").find(([, { Properties }]) => Properties.VersioningConfiguration !== undefined)!;

test("what is kept outlives the stack, in versions, encrypted, with its readers logged", () => {
  const [, bucket] = data(shipped(PLAIN).template);
  assert.equal(bucket.DeletionPolicy, "Retain");
  assert.equal(bucket.Properties.VersioningConfiguration.Status, "Enabled");
  assert.equal(
    bucket.Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm,
    "AES256",
  );
  assert.ok(bucket.Properties.LoggingConfiguration.DestinationBucketName);
});

test("what is no longer needed goes by itself", () => {
  const { template } = synth(
    `${PLAIN}`
      .replace("environment: prod } }", "environment: prod }, raw_pages_days: 30 }")
      .concat("raw_pages_days: 60\n"),
  );
  const rules = data(template)[1].Properties.LifecycleConfiguration.Rules as any[];
  const short = rules.map(
    ({ Id, Prefix, ExpirationInDays, NoncurrentVersionExpiration, AbortIncompleteMultipartUpload }) => [
      Id,
      Prefix ?? "",
      ExpirationInDays ?? null,
      NoncurrentVersionExpiration?.NoncurrentDays ?? null,
      AbortIncompleteMultipartUpload?.DaysAfterInitiation ?? null,
    ],
  );
  assert.deepEqual(short, [
    ["leftovers", "", null, 30, 2],
    ["runs", "objects/runs/", 60, 1, null],
    ["runs-matrix", "objects/runs/matrix/", 30, 1, null],
    ["results", "athena/", 7, 1, null],
  ]);
});

test("pointers, ledger, bookmarks and locks can't be written without saying what they replace", () => {
  const { template } = shipped(PLAIN);
  const [name] = data(template);
  const policy = ofType(template, "AWS::S3::BucketPolicy").find(
    ([, { Properties }]) => text(Properties.Bucket) === `\${${name}}`,
  )!;
  const statement = policy[1].Properties.PolicyDocument.Statement.find(
    ({ Sid }: { Sid?: string }) => Sid === "SwappedOnly",
  );
  assert.equal(statement.Effect, "Deny");
  assert.deepEqual(statement.Condition, { Null: { "s3:if-match": "true", "s3:if-none-match": "true" } });
  assert.deepEqual(
    statement.Resource.map(text)
      .map((arn: string) => arn.replace(/^.*?\//, ""))
      .sort(),
    ["lake/*/_current.json", "objects/bookmarks/*", "objects/ledger/*", "objects/locks/*", "objects/triggers/*"],
  );
});
