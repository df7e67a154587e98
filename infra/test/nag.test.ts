import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Validations } from "aws-cdk-lib";
import * as s3 from "aws-cdk-lib/aws-s3";
import { AwsSolutionsChecks } from "cdk-nag";
import type { IConstruct } from "constructs";
import { FULL, PLAIN, shipped, synth } from "./support.js";

/** What cdk-nag's AWS Solutions rules find, each with the resources that break it. */
function findings({ app, stack }: Pick<ReturnType<typeof synth>, "app" | "stack">): string[] {
  const { violations } = new AwsSolutionsChecks(app).validateScope(stack);
  return violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map((resource) => `${ruleName} ${resource.constructPath}`),
  );
}

/** What was acknowledged of cdk-nag's rules, with its reason. */
function acknowledged(scope: IConstruct): [string, string][] {
  const entries = scope.node.findAll().flatMap(({ node }) => node.metadata);
  const acknowledged = entries.filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY);
  return acknowledged
    .flatMap(({ data }) => Object.entries(data as Record<string, string>))
    .filter(([rule]) => rule.includes("AwsSolutions-"));
}

for (const [which, deployment] of [
  ["plain", PLAIN],
  ["full", FULL],
] as const) {
  test(`cdk-nag finds nothing that has no reason: ${which}`, () => {
    const made = shipped(deployment);
    assert.deepEqual(findings(made), []);
    const reasons = acknowledged(made.stack);
    for (const [rule, reason] of reasons) assert.ok(reason.length >= 15, `${rule}: ${reason}`);
    const wildcards = reasons.filter(([rule]) => rule.includes("IAM5[Resource::"));
    // Resources may have a wildcard, actions may not.
    assert.deepEqual(
      reasons.filter((reason) => !wildcards.includes(reason)).map(([rule]) => rule),
      ["Annotation::AwsSolutions-SQS3"],
    );
    console.log(
      `# ${which}: 0 findings, ${reasons.length} acknowledged with a reason, ${wildcards.length} of them resources with a wildcard`,
    );
  });
}

test("cdk-nag finds what is careless", () => {
  const made = synth(PLAIN);
  new s3.Bucket(made.stack, "Careless");
  assert.deepEqual(findings(made), [
    "AwsSolutions-S1 Lakehead/Careless/Resource",
    "AwsSolutions-S10 Lakehead/Careless/Resource",
  ]);
});
