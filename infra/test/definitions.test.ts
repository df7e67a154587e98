import { strict as assert } from "node:assert";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { databasesOf, readDefinitions } from "../lib/definitions.js";
import { pipelines, ROOT } from "./support.js";

const read = (text: string) => readDefinitions(pipelines({ it: text })).get("it")!;

test("the shipped pipelines are found by themselves", () => {
  const folder = join(ROOT, "pipelines");
  const folders = readdirSync(folder).filter((name) => existsSync(join(folder, name, "pipeline.yaml")));
  assert.deepEqual([...readDefinitions(folder).keys()], folders.sort());
});

test("secrets are told apart by who needs them", () => {
  const definition = read(`
source:
  auth:
    oauth2_refresh_token: { client_id: { secret: it/client }, refresh_token: { secret: it/refresh } }
resources:
  a: { auth: { bearer: { token: { secret: it/token } } } }
destinations:
  lake: { database: it }
  postgres: { url: { secret: it/postgres_url } }
`);
  assert.deepEqual(definition.sourceSecrets, ["it/client", "it/refresh", "it/token"]);
  assert.deepEqual(definition.rotatingSecrets, ["it/refresh"]);
  assert.deepEqual(definition.destinationSecrets, ["it/postgres_url"]);
});

test("a refresh token that its source never replaces needs no writing", () => {
  const definition = read(
    "source: { auth: { oauth2_refresh_token: { refresh_token: { secret: it/refresh }, rotates: false } } }",
  );
  assert.deepEqual(definition.rotatingSecrets, []);
});

test("databases are named as far as they can be known", () => {
  const cases: [string, string, Record<string, string>, string[]][] = [
    ["{}", "plain", {}, ["plain"]],
    ["{ env: { one_of: { a: { db: x }, b: { db: y } } } }", "{env.db}_app", {}, ["x_app", "y_app"]],
    ["{ env: { one_of: { a: { db: x }, b: { db: y } } } }", "{env.db}", { env: "b" }, ["y"]],
    ["{ env: { one_of: [dev, prod] } }", "lake_{env}", {}, ["lake_dev", "lake_prod"]],
    ["{ team: { default: t } }", "lake_{team}", {}, ["lake_*"]],
    ["{ team: { default: t } }", "lake_{team}", { team: "sales" }, ["lake_sales"]],
    ["{ a: { one_of: [x, y] }, b: {} }", "{a}_{b}", { b: "z" }, ["x_z", "y_z"]],
  ];
  for (const [parameters, database, given, databases] of cases) {
    const definition = read(`parameters: ${parameters}\ndestinations: { lake: { database: "${database}" } }\n`);
    assert.deepEqual(databasesOf(definition, given), databases, database);
  }
});

test("a definition that is no YAML is refused with its place", () => {
  assert.throws(() => read("a: [1,\nb: 2"), /pipeline\.yaml:\d+:\d+: /);
});
