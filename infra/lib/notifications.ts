// Notifications: the topic that tells people of failed runs and of alarms.

import { Aws, Duration, RemovalPolicy } from "aws-cdk-lib";
import * as events from "aws-cdk-lib/aws-events";
import * as iam from "aws-cdk-lib/aws-iam";
import * as kms from "aws-cdk-lib/aws-kms";
import * as sns from "aws-cdk-lib/aws-sns";
import * as subscriptions from "aws-cdk-lib/aws-sns-subscriptions";
import type * as sfn from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { Deployment } from "./deployment.js";
import { arn } from "./roles.js";

/** What the owner of the account may do with the key: all that keeping it takes, and publishing by hand. */
const OWNER = [
  "kms:DescribeKey",
  "kms:GetKeyPolicy",
  "kms:PutKeyPolicy",
  "kms:ListKeyPolicies",
  "kms:ListGrants",
  "kms:ListResourceTags",
  "kms:TagResource",
  "kms:UntagResource",
  "kms:UpdateKeyDescription",
  "kms:EnableKey",
  "kms:DisableKey",
  "kms:CreateAlias",
  "kms:DeleteAlias",
  "kms:UpdateAlias",
  "kms:EnableKeyRotation",
  "kms:DisableKeyRotation",
  "kms:GetKeyRotationStatus",
  "kms:ScheduleKeyDeletion",
  "kms:CancelKeyDeletion",
  "kms:GenerateDataKey",
  "kms:Decrypt",
];

export class Notifications extends Construct {
  readonly topic: sns.Topic;

  constructor(scope: Construct, id: string, props: { deployment: Deployment; machine: sfn.StateMachine }) {
    super(scope, id);
    const {
      deployment: { name, notify },
      machine,
    } = props;
    this.topic = new sns.Topic(this, "Topic", {
      topicName: `${name}-notifications`,
      displayName: `Lakehead ${name}`,
      masterKey: key(this, name),
      enforceSSL: true,
    });
    for (const address of notify) this.topic.addSubscription(new subscriptions.EmailSubscription(address));
    const rule = this.failedRuns(name, machine);
    this.publishes("events.amazonaws.com", rule.attrArn);
    this.publishes("cloudwatch.amazonaws.com", arn(this, "cloudwatch", `alarm:${name}-*`));
  }

  /** Tells of every run that ends badly, with its name and what the state machine says of it. */
  private failedRuns(name: string, machine: sfn.StateMachine): events.CfnRule {
    return new events.CfnRule(this, "FailedRuns", {
      name: `${name}-failed-runs`,
      description: "Runs that failed, timed out or were stopped.",
      eventPattern: {
        source: ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        detail: { stateMachineArn: [machine.stateMachineArn], status: ["FAILED", "TIMED_OUT", "ABORTED"] },
      },
      targets: [
        {
          id: "topic",
          arn: this.topic.topicArn,
          inputTransformer: {
            inputPathsMap: {
              run: "$.detail.name",
              status: "$.detail.status",
              error: "$.detail.error",
              cause: "$.detail.cause",
              execution: "$.detail.executionArn",
            },
            inputTemplate: '"The run <run> of Lakehead ended as <status>: <error>. <cause>"\n"Execution: <execution>"',
          },
        },
      ],
    });
  }

  private publishes(service: string, from: string): void {
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal(service)],
        actions: ["sns:Publish"],
        resources: [this.topic.topicArn],
        conditions: { ArnLike: { "aws:SourceArn": from } },
      }),
    );
  }
}

/** The key of the topic. That of AWS is not for alarms: they may not use it. */
function key(scope: Construct, name: string): kms.Key {
  const statement = (principal: iam.IPrincipal, actions: string[]) =>
    new iam.PolicyStatement({ principals: [principal], actions, resources: ["*"] });
  return new kms.Key(scope, "Key", {
    alias: `${name}-notifications`,
    description: `Notifications of ${name}.`,
    enableKeyRotation: true,
    pendingWindow: Duration.days(7),
    removalPolicy: RemovalPolicy.DESTROY,
    policy: new iam.PolicyDocument({
      statements: [
        statement(new iam.AccountPrincipal(Aws.ACCOUNT_ID), OWNER),
        ...["events.amazonaws.com", "cloudwatch.amazonaws.com"].map((service) =>
          statement(new iam.ServicePrincipal(service), ["kms:GenerateDataKey", "kms:Decrypt"]),
        ),
      ],
    }),
  });
}
