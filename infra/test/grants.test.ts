import { strict as assert } from "node:assert";
import { test } from "node:test";
import { FUNCTIONS, type FunctionName } from "../lib/deployment.js";
import { FULL, list, ofType, PLAIN, shipped, type Template, text } from "./support.js";

type Pair = string;
interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: object;
}

/** `action on resource` for everything that a role is allowed, with its condition. */
function allowed(template: Template, role: string): Pair[] {
  const policies = ofType(template, "AWS::IAM::Policy").map(([, { Properties }]) => Properties);
  const own = policies.filter(({ Roles }) => Roles.some((one: unknown) => text(one) === `\${${role}}`));
  const statements = own
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement as Statement[])
    .filter(({ Effect }) => Effect === "Allow");
  const found = statements.flatMap(({ Action, Resource, Condition }) =>
    pairs(list(Action), list(Resource).map(text), Condition),
  );
  return [...new Set(found)].sort();
}

function pairs(actions: readonly string[], resources: readonly string[], when: object | undefined): Pair[] {
  const condition = when === undefined ? "" : ` when ${JSON.stringify(when)}`;
  return actions.flatMap((action) => resources.map((resource) => `${action} on ${resource}${condition}`));
}

function roleOf(template: Template, name: FunctionName): string {
  const found = ofType(template, "AWS::Lambda::Function").find(([, { Properties }]) =>
    Properties.FunctionName.endsWith(`-${name}`),
  )!;
  return found[1].Properties.Role["Fn::GetAtt"][0];
}

for (const [which, deployment] of [
  ["plain", PLAIN],
  ["full", FULL],
] as const) {
  test(`a role may do what the table grants and nothing else: ${which}`, () => {
    const { stack, template } = shipped(deployment);
    const table = stack.grantsLegible() as Record<FunctionName, { actions: string[]; on: string[]; when?: object }[]>;
    const network = (pair: Pair) => pair.startsWith("ec2:");
    let count = 0;
    for (const name of FUNCTIONS) {
      const granted = new Set(table[name].flatMap(({ actions, on, when }) => pairs(actions, on, when)));
      const found = allowed(template, roleOf(template, name));
      assert.deepEqual(
        found.filter((pair) => !network(pair)),
        [...granted].sort(),
        name,
      );
      // Lambda needs to join a function to the network, where it is in one.
      assert.equal(found.some(network), deployment === FULL && name !== "transform", name);
      count += found.length;
    }
    console.log(`# ${which}: ${count} actions on resources in ${FUNCTIONS.length} roles`);
  });
}

const actionsOf = (name: FunctionName, deployment = PLAIN) => {
  const { template } = shipped(deployment);
  return allowed(template, roleOf(template, name));
};

test("a secret is read by those who need it, and by its name", () => {
  const readers = (secret: string, deployment: string) =>
    FUNCTIONS.filter((name) => actionsOf(name, deployment).some((pair) => pair.includes(secret)));
  assert.deepEqual(readers("secret:lakehead/gins/api_key-??????", PLAIN), ["plan", "fetch-page"]);
  assert.deepEqual(readers("secret:lakehead/datahub/postgres_url-??????", PLAIN), ["load", "publish", "refresh"]);
  assert.deepEqual(readers("parameter/lakehead/gins/api_key", FULL), ["plan", "fetch-page"]);
  const secrets = FUNCTIONS.flatMap((name) => actionsOf(name)).filter((pair) => pair.startsWith("secretsmanager:"));
  for (const pair of secrets)
    assert.match(pair, /^secretsmanager:GetSecretValue on .*:secret:lakehead\/[a-z]+\/[a-z_]+-\?{6}$/);
});

test("only load, publish and refresh see the lake, and only the last two see its catalogue", () => {
  const who = (part: string) => FUNCTIONS.filter((name) => actionsOf(name).some((pair) => pair.includes(part)));
  assert.deepEqual(who("/lake/*"), ["load", "publish", "refresh"]);
  assert.deepEqual(who("glue:"), ["publish", "refresh"]);
  assert.deepEqual(who("athena:"), ["publish", "refresh"]);
  assert.deepEqual(who("/exports/*"), ["refresh"]);
});

test("a catalogue is changed in the databases of the pipelines that are deployed", () => {
  const databases = actionsOf("publish")
    .filter((pair) => pair.startsWith("glue:UpdateTable"))
    .map((pair) => /:table\/([^/]+)/.exec(pair)?.[1])
    .filter(Boolean);
  assert.deepEqual(databases, [
    "datahub",
    "datasette",
    "gins",
    "gins_report",
    "lakehead_staging",
    "matrix_prod",
    "matrix_prod_app",
  ]);
});

test("nothing is deleted from the bucket", () => {
  const deletes = FUNCTIONS.flatMap((name) => actionsOf(name, FULL).filter((pair) => pair.startsWith("s3:Delete")));
  assert.deepEqual(deletes, []);
});

test("statements of Redshift are the function's own", () => {
  const described = actionsOf("publish", FULL).filter((pair) => pair.startsWith("redshift-data:DescribeStatement"));
  assert.deepEqual(described, [
    'redshift-data:DescribeStatement on * when {"StringEquals":{"redshift-data:statement-owner-iam-userid":"${aws:userid}"}}',
  ]);
  const who = (deployment: string) =>
    FUNCTIONS.filter((name) => actionsOf(name, deployment).some((pair) => pair.startsWith("redshift")));
  assert.deepEqual([who(FULL), who(PLAIN)], [["publish", "refresh"], []]);
});
