import { strict as assert } from "node:assert";
import { join } from "node:path";
import { test } from "node:test";
import { readDefinitions } from "../lib/definitions.js";
import { ofType, only, PLAIN, ROOT, shipped, synth, type Template, text } from "./support.js";

const schedules = (template: Template) =>
  ofType(template, "AWS::Scheduler::Schedule").map(([, { Properties }]) => Properties);

test("every pipeline with a schedule has one, with its hour and its time zone", () => {
  const found = schedules(shipped(PLAIN).template).map(({ Name, ScheduleExpression, ScheduleExpressionTimezone }) => [
    Name,
    ScheduleExpression,
    ScheduleExpressionTimezone,
  ]);
  const wanted = [...readDefinitions(join(ROOT, "pipelines")).values()].filter(({ schedule }) => schedule !== null);
  assert.ok(wanted.length >= 3);
  assert.deepEqual(
    found,
    wanted.map(({ name, schedule }) => [name, `cron(${schedule!.cron})`, schedule!.timezone]),
  );
});

test("a run is told its pipeline, the moment that was scheduled, and the parameters of the deployment", () => {
  const { template } = shipped(PLAIN);
  const inputs = Object.fromEntries(schedules(template).map(({ Name, Target }) => [Name, JSON.parse(Target.Input)]));
  assert.deepEqual(inputs["matrix"], {
    pipeline: "matrix",
    scheduled_at: "<aws.scheduler.scheduled-time>",
    params: { environment: "prod" },
  });
  for (const { Target } of schedules(template))
    assert.equal(text(Target.Arn), `\${${ofType(template, "AWS::StepFunctions::StateMachine")[0]![0]}}`);
});

test("a start that fails is tried again for an hour and then kept", () => {
  const { template } = shipped(PLAIN);
  const [queue] = ofType(template, "AWS::SQS::Queue")[0]!;
  for (const { Target, FlexibleTimeWindow, GroupName } of schedules(template)) {
    assert.deepEqual(Target.RetryPolicy, { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 });
    assert.equal(text(Target.DeadLetterConfig.Arn), `\${${queue}.Arn}`);
    assert.deepEqual(FlexibleTimeWindow, { Mode: "OFF" });
    assert.equal(GroupName, "lakehead");
  }
  const { SqsManagedSseEnabled, MessageRetentionPeriod } = only(template, "AWS::SQS::Queue").Properties;
  assert.equal(SqsManagedSseEnabled, true);
  assert.equal(MessageRetentionPeriod, 14 * 24 * 3600);
});

test("a paused schedule is there and does nothing", () => {
  const { template } = synth(
    `${PLAIN}  datasette: { deployed: false }\n`.replace("environment: prod }", "environment: prod }, paused: true"),
  );
  assert.deepEqual(
    schedules(template).map(({ Name, State }) => [Name, State]),
    [
      ["datahub", "ENABLED"],
      ["gins", "ENABLED"],
      ["matrix", "DISABLED"],
    ],
  );
});
