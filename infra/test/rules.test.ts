import { strict as assert } from "node:assert";
import { test } from "node:test";
import { RULES } from "./rules.js";
import { FULL, PLAIN, shipped, type Template } from "./support.js";

for (const [which, deployment] of [
  ["plain", PLAIN],
  ["full", FULL],
] as const) {
  test(`rules that linters do not have are kept: ${which}`, () => {
    const { template } = shipped(deployment);
    for (const [rule, check] of Object.entries(RULES)) assert.deepEqual(check(template), [], rule);
    console.log(
      `# ${which}: ${Object.keys(template.Resources).length} resources, ${Object.keys(RULES).length} rules kept`,
    );
  });
}

/** A stack as one should not be: what was found in the field, one thing a rule. */
const CARELESS = {
  Outputs: {},
  Resources: {
    Door: {
      Type: "AWS::EC2::SecurityGroup",
      Properties: { SecurityGroupIngress: [{ CidrIp: "0.0.0.0/0", FromPort: 5439, ToPort: 5439, IpProtocol: "tcp" }] },
    },
    Window: { Type: "AWS::EC2::SecurityGroupIngress", Properties: { CidrIp: "10.0.0.0/8" } },
    Warehouse: { Type: "AWS::RedshiftServerless::Workgroup", Properties: { PubliclyAccessible: true } },
    Role: {
      Type: "AWS::IAM::Role",
      Properties: {
        ManagedPolicyArns: ["arn:aws:iam::aws:policy/AmazonS3FullAccess"],
        AssumeRolePolicyDocument: {
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "states.amazonaws.com" } }],
        },
      },
    },
    Policy: {
      Type: "AWS::IAM::Policy",
      Properties: {
        Roles: [{ Ref: "Role" }],
        PolicyDocument: {
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: ["s3:*"], Resource: "arn:aws:s3:::" + "x".repeat(11_000) }],
        },
      },
    },
    Function: {
      Type: "AWS::Lambda::Function",
      Properties: { Environment: { Variables: { API: "kX9vQ2mL7pRt4WzB8nYc3HdF" } } },
    },
    Namespace: { Type: "AWS::RedshiftServerless::Namespace", Properties: { AdminUserPassword: "hunter2" } },
    Bucket: { Type: "AWS::S3::Bucket", Properties: {} },
    Queue: { Type: "AWS::SQS::Queue", Properties: {} },
    Topic: { Type: "AWS::SNS::Topic", Properties: {} },
    Log: { Type: "AWS::Logs::LogGroup", Properties: {} },
    Helper: { Type: "Custom::Helper", Properties: {} },
  },
} as unknown as Template;

test("every rule finds what it is for", () => {
  const found = Object.fromEntries(Object.entries(RULES).map(([rule, check]) => [rule, check(CARELESS).length]));
  assert.deepEqual(found, {
    "nobody gets in from a network": 3,
    "no role has a policy that AWS may change": 1,
    "no action is a wildcard": 1,
    "no secret stands in the template": 2,
    "everything is reached over TLS only": 3,
    "no bucket is open to the public": 1,
    "everything is encrypted where it lies": 3,
    "a service takes a role for this account only": 1,
    "every log ends some day": 1,
    "nothing but the six functions runs": 2,
    "the policies of a role are short enough for IAM": 1,
  });
});
