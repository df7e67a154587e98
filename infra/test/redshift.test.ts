import { strict as assert } from "node:assert";
import { test } from "node:test";
import { FULL, ofType, only, PLAIN, shipped, synth, text } from "./support.js";

test("without being asked for there is neither Redshift nor a network", () => {
  const types = Object.values(shipped(PLAIN).template.Resources).map(({ Type }) => Type);
  assert.deepEqual(
    types.filter((type) => /^AWS::(EC2|RedshiftServerless)::/.test(type)),
    [],
  );
});

test("Redshift is private, encrypted on the way, and makes its password itself", () => {
  const { template } = shipped(FULL);
  const workgroup = only(template, "AWS::RedshiftServerless::Workgroup").Properties;
  assert.equal(workgroup.PubliclyAccessible, false);
  assert.equal(workgroup.EnhancedVpcRouting, true);
  assert.deepEqual([workgroup.BaseCapacity, workgroup.MaxCapacity], [8, 16]);
  assert.deepEqual(workgroup.ConfigParameters, [{ ParameterKey: "require_ssl", ParameterValue: "true" }]);
  assert.equal(workgroup.SubnetIds.length, 3);
  const namespace = only(template, "AWS::RedshiftServerless::Namespace").Properties;
  assert.equal(namespace.ManageAdminPassword, true);
  assert.equal(namespace.AdminUserPassword, undefined);
});

test("its role reads what runs have typed and nothing else, for users of this account", () => {
  const { template } = shipped(FULL);
  const [name, role] = ofType(template, "AWS::IAM::Role").find(([name]) => name.startsWith("Redshift"))!;
  const policy = ofType(template, "AWS::IAM::Policy").find(([, { Properties }]) =>
    Properties.Roles.some((one: unknown) => text(one) === `\${${name}}`),
  )!;
  const objects = policy[1].Properties.PolicyDocument.Statement.find(({ Action }: any) => Action === "s3:GetObject");
  assert.match(text(objects.Resource), /\/objects\/runs\/\*$/);
  for (const { Condition } of role.Properties.AssumeRolePolicyDocument.Statement) {
    assert.match(text(Condition.StringLike["sts:ExternalId"]), /:dbuser:serverless-\$\{AWS::AccountId\}-\*\/\*$/);
  }
});

test("the functions that publish into it say which role of the database they have", () => {
  const roles = ofType(shipped(FULL).template, "AWS::IAM::Role").filter(([, { Properties }]) =>
    (Properties.Tags ?? []).some(({ Key }: any) => Key === "RedshiftDbRoles"),
  );
  assert.deepEqual(
    roles.map(([name]) => name.replace(/Role[0-9A-F]*$/, "")),
    ["FunctionsPublish", "FunctionsRefresh"],
  );
});

test("nothing of the network is looked up: the zones are whatever the region has", () => {
  const { app, template } = synth(
    "fixed_egress: true\npipelines: { gins: { paused: true }, datahub: { paused: true } }",
  );
  for (const [, { Properties }] of ofType(template, "AWS::EC2::Subnet")) {
    assert.ok(Properties.AvailabilityZone["Fn::Select"]);
    assert.notEqual(Properties.MapPublicIpOnLaunch, true);
  }
  assert.deepEqual(app.synth().manifest.missing ?? [], []);
});
