import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeTemplate } from "../lib/app.js";
import { file, folder, FULL, HERE, lambdas, ofType, only, PLAIN, shipped, text } from "./support.js";

test("queries go where the workgroup says, encrypted, and read no more than is allowed", () => {
  const { template } = shipped(PLAIN);
  const { Name, WorkGroupConfiguration: set } = only(template, "AWS::Athena::WorkGroup").Properties;
  assert.equal(Name, "lakehead");
  // Athena refuses a statement that says where its files go, as those of models do, where it is enforced.
  assert.equal(set.EnforceWorkGroupConfiguration, false);
  assert.equal(set.BytesScannedCutoffPerQuery, 100_000_000_000);
  assert.equal(set.ResultConfiguration.EncryptionConfiguration.EncryptionOption, "SSE_S3");
  const [data] = ofType(template, "AWS::S3::Bucket").find(([, { Properties }]) => Properties.VersioningConfiguration)!;
  assert.equal(text(set.ResultConfiguration.OutputLocation), `s3://\${${data}}/athena/`);
});

test("everything that takes tags has them", () => {
  const { template } = shipped(FULL);
  const wanted = { application: "lakehead", deployment: "everything", team: "data" };
  let tagged = 0;
  for (const [name, { Properties }] of Object.entries(template.Resources)) {
    if (!Array.isArray(Properties?.Tags)) continue;
    const tags = Object.fromEntries(
      Properties.Tags.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value]),
    );
    for (const [key, value] of Object.entries(wanted)) assert.equal(tags[key], value, `${name} ${key}`);
    tagged += 1;
  }
  assert.ok(tagged > 30, `${tagged}`);
});

test("what a person needs is told, and a line for the shell", () => {
  const told = (deployment: string) => Object.keys(shipped(deployment).template.Outputs).sort();
  const always = ["BucketName", "Environment", "StateMachineArn", "TopicArn", "UndeliveredUrl", "WorkgroupName"];
  assert.deepEqual(told(PLAIN), always);
  assert.deepEqual(told(FULL), [...always, "EgressAddress", "RedshiftWorkgroup"].sort());
  const line = text(shipped(PLAIN).template.Outputs["Environment"]!.Value);
  assert.match(
    line,
    /^export AWS_REGION=\S+ LAKEHEAD_BUCKET=\S+ LAKEHEAD_STATE_MACHINE=\S+ LAKEHEAD_ATHENA_WORKGROUP=lakehead$/,
  );
});

test("what every function may do is written beside the template", () => {
  const out = folder();
  const environment: Record<string, string> = {
    DEPLOYMENT: file("deployment.yaml", PLAIN),
    LAMBDA_DIR: lambdas(),
    CDK_OUTDIR: out,
  };
  writeTemplate({ here: HERE, told: (name) => environment[name] });
  const written = JSON.parse(readFileSync(join(out, "grants.json"), "utf8"));
  assert.ok(written.plan[0].on[0].endsWith("/objects/*"));
  assert.deepEqual(written, shipped(PLAIN).stack.grantsLegible());
});

test("the deployment that is shipped is one", () => {
  const { template } = shipped(readFileSync(join(HERE, "deployment.yaml"), "utf8"));
  // Until somebody says where the sources are, nothing is asked and nobody is alarmed.
  assert.deepEqual(
    ofType(template, "AWS::Scheduler::Schedule").filter(([, { Properties }]) => Properties.State !== "DISABLED"),
    [],
  );
  assert.deepEqual(
    ofType(template, "AWS::CloudWatch::Alarm").filter(([name]) => name.includes("Stale")),
    [],
  );
});

test("no account and no region is in the template", () => {
  for (const deployment of [PLAIN, FULL])
    assert.doesNotMatch(JSON.stringify(shipped(deployment).template), /arn:[^"]*:\d{12}|eu-west|us-east/);
});
