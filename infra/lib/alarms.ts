// Alarms: what tells somebody that runs fail, take too long, do not start, or leave tables old.

import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as actions from "aws-cdk-lib/aws-cloudwatch-actions";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as sns from "aws-cdk-lib/aws-sns";
import type * as sqs from "aws-cdk-lib/aws-sqs";
import type * as sfn from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { type Deployment, type FunctionName, FUNCTIONS } from "./deployment.js";
import { upperCamelCase } from "./functions.js";

/** Where counts of Lakehead's own are kept. */
export const NAMESPACE = "Lakehead";

export interface Watched {
  readonly deployment: Deployment;
  readonly machine: sfn.StateMachine;
  readonly functions: Readonly<Record<FunctionName, lambda.Function>>;
  readonly undelivered: sqs.Queue;
  readonly topic: sns.Topic;
}

const FIVE_MINUTES = Duration.minutes(5);

export class Alarms extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly watched: Watched,
  ) {
    super(scope, id);
    const { deployment, machine, functions, undelivered } = watched;
    this.alarm("FailedRuns", "failed-runs", {
      alarmDescription:
        "A run failed, timed out or was stopped. Its execution says where; `lakehead status NAME --target aws` says what is missing.",
      metric: failedRuns(machine),
      threshold: 1,
    });
    this.alarm("LongRuns", "long-runs", {
      alarmDescription: `A run took more than ${deployment.longestRunHours} hours.`,
      metric: machine.metricTime({ statistic: "Maximum", period: FIVE_MINUTES }),
      threshold: Duration.hours(deployment.longestRunHours).toMilliseconds(),
    });
    this.alarm("Throttled", "throttled", {
      alarmDescription:
        "Lambda refuses calls for want of concurrency: runs are slower than they could be, and may fail.",
      metric: throttles(functions),
      threshold: 10,
    });
    this.alarm("Undelivered", "undelivered", {
      alarmDescription: "A schedule could not start its run. The message in the queue says why.",
      metric: undelivered.metricApproximateNumberOfMessagesVisible({ statistic: "Maximum", period: FIVE_MINUTES }),
      threshold: 1,
    });
    this.freshness(deployment);
  }

  /** An alarm for each pipeline whose tables are expected. No count at all is what it is for. */
  private freshness(deployment: Deployment): void {
    for (const {
      definition: { name },
      publishedWithinHours,
    } of deployment.pipelines) {
      if (publishedWithinHours === null) continue;
      this.alarm(`Stale${upperCamelCase(name.replaceAll("_", "-"))}`, `stale-${name}`, {
        alarmDescription: `No run of ${name} has published within ${publishedWithinHours} hours.`,
        metric: published(name, Duration.hours(1)),
        threshold: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: publishedWithinHours,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    }
  }

  private alarm(
    id: string,
    name: string,
    props: Omit<cloudwatch.AlarmProps, "alarmName" | "evaluationPeriods"> & { evaluationPeriods?: number },
  ): void {
    const alarm = new cloudwatch.Alarm(this, id, {
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...props,
      alarmName: `${this.watched.deployment.name}-${name}`,
    });
    const tell = new actions.SnsAction(this.watched.topic);
    alarm.addAlarmAction(tell);
    alarm.addOkAction(tell);
  }
}

/** How many runs of a pipeline were published, as publish itself tells CloudWatch (functions/publish/metrics.rs). */
export function published(pipeline: string, period: Duration): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: NAMESPACE,
    metricName: "Published",
    dimensionsMap: { Pipeline: pipeline },
    statistic: "Sum",
    period,
  });
}

/** How many runs ended badly, in whatever way. */
export function failedRuns(machine: sfn.StateMachine): cloudwatch.MathExpression {
  const period = { period: FIVE_MINUTES };
  return new cloudwatch.MathExpression({
    expression: "failed + timed_out + stopped",
    label: "runs that ended badly",
    usingMetrics: {
      failed: machine.metricFailed(period),
      timed_out: machine.metricTimedOut(period),
      stopped: machine.metricAborted(period),
    },
    ...period,
  });
}

function throttles(functions: Readonly<Record<FunctionName, lambda.Function>>): cloudwatch.MathExpression {
  const metrics = FUNCTIONS.map(
    (name) => [name.replaceAll("-", "_"), functions[name].metricThrottles({ period: FIVE_MINUTES })] as const,
  );
  return new cloudwatch.MathExpression({
    expression: metrics.map(([name]) => name).join(" + "),
    label: "refused calls",
    usingMetrics: Object.fromEntries(metrics),
    period: FIVE_MINUTES,
  });
}
