// Schedules: each starts a run of one pipeline at its hour, in its time zone.

import { Duration, Validations } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as scheduler from "aws-cdk-lib/aws-scheduler";
import * as sqs from "aws-cdk-lib/aws-sqs";
import type * as sfn from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { DeployedPipeline, Deployment, PipelineSchedule } from "./deployment.js";
import { upperCamelCase } from "./functions.js";
import { allow, arn, serviceOfThisAccount } from "./roles.js";

export class Schedules extends Construct {
  /** Where a start waits for a person that could not be delivered. */
  readonly undelivered: sqs.Queue;

  constructor(scope: Construct, id: string, props: { deployment: Deployment; machine: sfn.StateMachine }) {
    super(scope, id);
    const {
      deployment: { name, pipelines },
      machine,
    } = props;
    this.undelivered = new sqs.Queue(this, "Undelivered", {
      queueName: `${name}-undelivered`,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.undelivered).acknowledge({
      id: "AwsSolutions-SQS3",
      reason: "this is itself the dead-letter queue, of the schedules",
    });
    const group = new scheduler.CfnScheduleGroup(this, "Group", { name });
    const role = new iam.Role(this, "Role", {
      assumedBy: serviceOfThisAccount("scheduler.amazonaws.com", arn(this, "scheduler", `schedule-group/${name}`)),
      description: `Starts runs of ${name} at their hours.`,
    });
    const may = allow(this, "May", role, [
      { actions: ["states:StartExecution"], on: [machine.stateMachineArn], because: "a schedule starts runs" },
      { actions: ["sqs:SendMessage"], on: [this.undelivered.queueArn], because: "what it could not start is kept" },
    ]);
    for (const pipeline of pipelines) {
      for (const schedule of pipeline.schedules) {
        const made = new scheduler.CfnSchedule(this, upperCamelCase(schedule.name.replaceAll("_", "-")), {
          name: schedule.name,
          groupName: name,
          description: `Runs the pipeline ${pipeline.definition.name}.`,
          scheduleExpression: `cron(${schedule.cron})`,
          scheduleExpressionTimezone: schedule.timezone,
          state: schedule.paused ? "DISABLED" : "ENABLED",
          flexibleTimeWindow: { mode: "OFF" },
          target: {
            arn: machine.stateMachineArn,
            roleArn: role.roleArn,
            input: JSON.stringify(scheduledInput(pipeline, schedule)),
            retryPolicy: { maximumRetryAttempts: 10, maximumEventAgeInSeconds: 3600 },
            deadLetterConfig: { arn: this.undelivered.queueArn },
          },
        });
        made.addResourceDependency(group);
        made.node.addDependency(may);
      }
    }
  }
}

/** What a run is started with. The moment that was scheduled names the window, however late the start is. */
export function scheduledInput(pipeline: DeployedPipeline, schedule: PipelineSchedule): object {
  const params = schedule.params;
  return {
    pipeline: pipeline.definition.name,
    scheduled_at: "<aws.scheduler.scheduled-time>",
    ...(Object.keys(params).length === 0 ? {} : { params }),
  };
}
