import { strict as assert } from "node:assert";
import { test } from "node:test";
import { type Definition, readDefinitions } from "../lib/definitions.js";
import { parseDeployment } from "../lib/deployment.js";
import { pipelines } from "./support.js";

const TRACKER = `
parameters:
  base_url: { default: https://tracker.test }
  environment: { default: live, one_of: { live: { database: issues }, dev: { database: issues_dev } } }
schedule: { cron: "30 5 * * ? *", timezone: Europe/London }
source: { base_url: "{base_url}", auth: { bearer: { token: { secret: tracker/token } } } }
destinations: { lake: { database: "{environment.database}" } }
models: { open: { sql: open.sql, database: "{environment.database}_report" } }
`;
const BY_HAND = "destinations: { lake: { database: byhand } }\n";
const WEEKLY = 'schedule: { cron: "0 6 ? * MON *" }\n';
const PROVIDERS = 'parameters: { provider: {} }\nschedule: { cron: "0 * * * ? *" }\n';

const known = (definitions: Record<string, string>): Map<string, Definition> => readDefinitions(pipelines(definitions));
const parse = (text: string, definitions: Record<string, string> = { tracker: TRACKER, byhand: BY_HAND }) =>
  parseDeployment("deployment.yaml", text, known(definitions));

test("an empty deployment is every pipeline with its own schedule", () => {
  const deployment = parse("");
  assert.equal(deployment.name, "lakehead");
  assert.equal(deployment.redshift, null);
  const [byHand, tracker] = deployment.pipelines;
  assert.deepEqual(byHand?.schedules, []);
  assert.equal(byHand?.publishedWithinHours, null);
  assert.deepEqual(tracker?.schedules, [
    { name: "tracker", cron: "30 5 * * ? *", timezone: "Europe/London", params: {}, paused: false },
  ]);
  assert.equal(tracker?.publishedWithinHours, 26);
});

test("a deployment says what is left out, paused, and given to runs", () => {
  const deployment = parse(`
name: lake-dev
log_days: 7
functions: { transform: { memory_mb: 3008, reserved_concurrency: 4 } }
redshift: { base_rpus: 16 }
pipelines:
  byhand: { deployed: false }
  tracker: { params: { environment: dev }, paused: true }
`);
  assert.deepEqual(
    deployment.pipelines.map(({ definition }) => definition.name),
    ["tracker"],
  );
  const [tracker] = deployment.pipelines;
  assert.deepEqual(
    tracker?.schedules.map(({ paused, params }) => ({ paused, params })),
    [{ paused: true, params: { environment: "dev" } }],
  );
  // Nobody waits for what is paused.
  assert.equal(tracker?.publishedWithinHours, null);
  assert.deepEqual(tracker?.databases, ["issues_dev", "issues_dev_report"]);
  assert.deepEqual(deployment.functions.transform, { memoryMb: 3008, timeoutSecs: 900, reservedConcurrency: 4 });
  assert.deepEqual(deployment.redshift, { baseRpus: 16, mostRpus: 32, database: "lakehead" });
});

test("a pipeline has several schedules, each with parameters of its own", () => {
  const deployment = parse(
    `
pipelines:
  mds:
    params: { provider: any }
    schedules:
      lime: { params: { provider: lime } }
      bird: { params: { provider: bird }, cron: "30 * * * ? *", timezone: Europe/Paris }
`,
    { mds: PROVIDERS },
  );
  assert.deepEqual(deployment.pipelines[0]?.schedules, [
    { name: "mds-lime", cron: "0 * * * ? *", timezone: "UTC", params: { provider: "lime" }, paused: false },
    { name: "mds-bird", cron: "30 * * * ? *", timezone: "Europe/Paris", params: { provider: "bird" }, paused: false },
  ]);
});

test("every mistake is told with its place and a remedy", () => {
  const mistakes: [string, string, Record<string, string>?][] = [
    ["nam: x", "deployment.yaml:1:1: there is no `nam` here; did you mean `name`?"],
    ["name: Lakehead", "deployment.yaml:1:7: `Lakehead` is not a name of at most 24 small letters, digits and `-`"],
    ["log_days: 8", "deployment.yaml:1:11: CloudWatch Logs does not keep logs for 8 days; it takes: 1, 3, 5"],
    ["tracing: maybe", "deployment.yaml:1:10: this is neither `true` nor `false`"],
    [
      "secret_store: vault",
      "deployment.yaml:1:15: `vault` is not known here; there is: secrets-manager, parameter-store",
    ],
    ["notify: [nobody]", "deployment.yaml:1:10: `nobody` is not an address of email"],
    ["functions: { tranform: {} }", "there is no `tranform` here; did you mean `transform`?"],
    ["functions: { load: { memory_mb: 64 } }", "this is not a whole number from 128 to 10240"],
    ["redshift: { base_rpus: 12 }", "12 is no size of Redshift Serverless; it takes 4, 8, 16, 24 and so on by eights"],
    ["redshift: { base_rpus: 16, most_rpus: 8 }", "this is less than `base_rpus`, 16"],
    ["pipelines: [tracker]", "this is not a mapping; write `name: value` lines"],
    ["pipelines:\n  trackr: {}", "deployment.yaml:2:11: there is no pipeline `trackr`; did you mean `tracker`?"],
    [
      "pipelines: { tracker: { params: { enviroment: live } } }",
      "`tracker` has no parameter `enviroment`; did you mean `environment`?",
    ],
    [
      "pipelines: { tracker: { params: { environment: prod } } }",
      "`prod` is not a value of `environment`; there is: live, dev",
    ],
    [
      "pipelines: { tracker: { raw_pages_days: 365 } }",
      "raw pages of all pipelines are kept for 90 days, and the shorter time counts",
    ],
    ["pipelines: { tracker: { published_within_hours: 200 } }", "this is not a whole number from 1 to 168"],
    ["pipelines: { byhand: { schedules: { x: {} } } }", "the definition of `byhand` has no schedule; give `cron` here"],
    ["pipelines: { tracker: { schedules: { x: { cron: 5 * * * * } } } }", "is not an EventBridge cron of six fields"],
    [
      "",
      "deployment.yaml:1:1: `weekly` does not run every day, so nobody knows when to miss its tables; give `pipelines.weekly.published_within_hours`: a number up to 168, or `never`",
      { weekly: WEEKLY },
    ],
    [
      "",
      "the schedule `mds` does not say what `provider` is; give `pipelines.mds.params.provider`",
      { mds: PROVIDERS },
    ],
    [
      "pipelines: { tracker: { params: { base_url: https://api.tracker.example/v1 } } }",
      "the schedule `tracker` would ask https://api.tracker.example/v1, which is nobody's address; give `pipelines.tracker.params.base_url`, or say `paused: true`",
    ],
    [
      "",
      "`open` may publish into any database; give the parameter in its name a value in `pipelines.open.params`",
      { open: 'parameters: { into: { default: a } }\ndestinations: { lake: { database: "{into}" } }\n' },
    ],
    ["name: [", "deployment.yaml:1:8: "],
  ];
  for (const [text, told, definitions] of mistakes) {
    assert.throws(
      () => parse(text, definitions),
      (error: Error) =>
        error.message.includes(told) || assert.fail(`${text}\n  tells: ${error.message}\n  not:   ${told}`),
    );
  }
  assert.throws(() => parse("nam: x\nlog_days: 8"), /:1:1: .*\n.*:2:11: /);
});

test("a schedule that is paused may ask anybody", () => {
  parse("pipelines: { tracker: { paused: true, params: { base_url: https://api.tracker.example } } }");
});
