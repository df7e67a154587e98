import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ofType, only, PLAIN, ROOT, shipped, synth, type Template, text } from "./support.js";

const alarms = (template: Template) =>
  new Map(
    ofType(template, "AWS::CloudWatch::Alarm").map(([, { Properties }]) => [
      Properties.AlarmName as string,
      Properties,
    ]),
  );

test("somebody is told when runs fail, last, do not start or leave tables old", () => {
  const { template } = shipped(PLAIN);
  const names = ["failed-runs", "long-runs", "throttled", "undelivered", "stale-datahub", "stale-gins", "stale-matrix"];
  assert.deepEqual([...alarms(template).keys()].sort(), names.map((name) => `lakehead-${name}`).sort());
  const [topic] = ofType(template, "AWS::SNS::Topic")[0]!;
  for (const { AlarmActions, OKActions } of alarms(template).values()) {
    assert.deepEqual([AlarmActions.map(text), OKActions.map(text)], [[`\${${topic}}`], [`\${${topic}}`]]);
  }
});

test("each alarm has its measure", () => {
  const found = [...alarms(shipped(PLAIN).template)]
    .filter(([name]) => !name.includes("stale"))
    .map(([name, { Threshold, ComparisonOperator, TreatMissingData }]) => [
      name,
      Threshold,
      ComparisonOperator,
      TreatMissingData,
    ]);
  const measure = (name: string, threshold: number) => [
    `lakehead-${name}`,
    threshold,
    "GreaterThanOrEqualToThreshold",
    "notBreaching",
  ];
  // The time of executions is in milliseconds.
  assert.deepEqual(found, [
    measure("failed-runs", 1),
    measure("long-runs", 6 * 3600 * 1000),
    measure("throttled", 10),
    measure("undelivered", 1),
  ]);
});

test("a pipeline without any publish for a day is stale, and silence is an alarm", () => {
  const gins = alarms(shipped(PLAIN).template).get("lakehead-stale-gins");
  assert.deepEqual(
    [
      gins.Namespace,
      gins.MetricName,
      gins.Dimensions,
      gins.Statistic,
      gins.Period,
      gins.EvaluationPeriods,
      gins.Threshold,
      gins.ComparisonOperator,
      gins.TreatMissingData,
    ],
    [
      "Lakehead",
      "Published",
      [{ Name: "Pipeline", Value: "gins" }],
      "Sum",
      3600,
      26,
      1,
      "LessThanThreshold",
      "breaching",
    ],
  );
});

test("only those who wait are told that tables are old", () => {
  const { template } = synth(`
pipelines:
  gins: { paused: true }
  datahub: { params: { base_url: https://datahub.test }, published_within_hours: never }
  matrix: { published_within_hours: 50 }
`);
  const stale = [...alarms(template)].filter(([name]) => name.includes("stale"));
  assert.deepEqual(
    stale.map(([name, { EvaluationPeriods }]) => [name, EvaluationPeriods]),
    [["lakehead-stale-matrix", 50]],
  );
});

test("every way in which a run ends badly counts", () => {
  const { Metrics } = alarms(shipped(PLAIN).template).get("lakehead-failed-runs");
  const counted = Metrics.filter((metric: any) => metric.MetricStat).map(
    (metric: any) => metric.MetricStat.Metric.MetricName,
  );
  assert.deepEqual(counted.sort(), ["ExecutionsAborted", "ExecutionsFailed", "ExecutionsTimedOut"]);
});

test("old tables are told from the figures that publish itself gives", () => {
  const { Namespace, MetricName, Dimensions } = alarms(shipped(PLAIN).template).get("lakehead-stale-matrix");
  assert.deepEqual([Namespace, MetricName], ["Lakehead", "Published"]);
  assert.deepEqual(Dimensions, [{ Name: "Pipeline", Value: "matrix" }]);
  const told = readFileSync(join(ROOT, "functions/publish/metrics.rs"), "utf8");
  for (const named of [
    '"Namespace": "Lakehead"',
    '"Dimensions": [["Pipeline"]]',
    '"Name": "Published"',
    '"Published": 1',
  ]) {
    assert.ok(told.includes(named), named);
  }
});

test("a failed run is told of at once, and so is one that is stopped", () => {
  const { template } = shipped(PLAIN);
  const rule = only(template, "AWS::Events::Rule").Properties;
  const [machine] = ofType(template, "AWS::StepFunctions::StateMachine")[0]!;
  assert.deepEqual(rule.EventPattern.detail.status, ["FAILED", "TIMED_OUT", "ABORTED"]);
  // Not of the branches of its Map, which are executions too.
  assert.deepEqual(rule.EventPattern.detail.stateMachineArn.map(text), [`\${${machine}}`]);
  assert.equal(text(rule.Targets[0].Arn), `\${${ofType(template, "AWS::SNS::Topic")[0]![0]}}`);
});

test("the topic takes messages from the rule and from alarms of this stack, and its key lets them", () => {
  const { template } = shipped(PLAIN);
  const statements = only(template, "AWS::SNS::TopicPolicy").Properties.PolicyDocument.Statement as any[];
  const from = (service: string) =>
    text(statements.find(({ Principal }) => Principal.Service === service).Condition.ArnLike["aws:SourceArn"]);
  assert.equal(from("events.amazonaws.com"), `\${${ofType(template, "AWS::Events::Rule")[0]![0]}.Arn}`);
  assert.match(from("cloudwatch.amazonaws.com"), /:alarm:lakehead-\*$/);
  const key = only(template, "AWS::KMS::Key").Properties;
  assert.equal(key.EnableKeyRotation, true);
  const users = key.KeyPolicy.Statement.filter(({ Action }: any) => Action.length === 2).flatMap(
    ({ Principal }: any) => Principal.Service,
  );
  assert.deepEqual(users.sort(), ["cloudwatch.amazonaws.com", "events.amazonaws.com"]);
});

test("the dashboard shows every function and every pipeline", () => {
  const body = text(only(shipped(PLAIN).template, "AWS::CloudWatch::Dashboard").Properties.DashboardBody);
  for (const name of ["plan", "fetch-page", "transform", "load", "publish", "refresh", "gins", "matrix", "datahub"])
    assert.ok(body.includes(`"label":"${name}"`), name);
});
