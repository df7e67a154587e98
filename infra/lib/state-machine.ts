// The state machine: `pipeline.asl.json` with its placeholders filled, its log, and what it may do.

import { readFileSync } from "node:fs";
import { RemovalPolicy } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import type * as s3 from "aws-cdk-lib/aws-s3";
import * as sfn from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { type Deployment, type FunctionName, FUNCTIONS } from "./deployment.js";
import { upperCamelCase } from "./functions.js";
import { allow, arn, type Grant, serviceOfThisAccount } from "./roles.js";

/** The machine that laptops run too. */
export const ASL = new URL("../pipeline.asl.json", import.meta.url);

export class StateMachine extends Construct {
  readonly machine: sfn.StateMachine;

  constructor(
    scope: Construct,
    id: string,
    props: { deployment: Deployment; functions: Readonly<Record<FunctionName, lambda.Function>>; bucket: s3.Bucket },
  ) {
    super(scope, id);
    const {
      deployment: { name, logDays },
      functions,
      bucket,
    } = props;
    const role = new iam.Role(this, "Role", {
      // The branches of a distributed Map are executions of a machine whose name continues this one's.
      assumedBy: serviceOfThisAccount("states.amazonaws.com", arn(this, "states", `stateMachine:${name}*`)),
      description: `What the state machine ${name} may do.`,
    });
    const may = allow(this, "May", role, [...runs(functions), ...readsAndWrites(bucket), ...logsAndTraces()]);
    const mayBranch = allow(this, "MayBranch", role, branches(this, name));
    const log = new logs.LogGroup(this, "Log", {
      // Log groups with this beginning need no resource policy, of which an account has ten.
      logGroupName: `/aws/vendedlogs/states/${name}`,
      retention: logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.machine = new sfn.StateMachine(this, "Machine", {
      stateMachineName: name,
      stateMachineType: sfn.StateMachineType.STANDARD,
      definitionBody: sfn.DefinitionBody.fromString(readFileSync(ASL, "utf8")),
      definitionSubstitutions: Object.fromEntries(
        FUNCTIONS.map((name) => [upperCamelCase(name), functions[name].functionArn]),
      ),
      role: role.withoutPolicyUpdates(),
      tracingEnabled: true,
      logs: { destination: log, level: sfn.LogLevel.ALL, includeExecutionData: false },
    });
    this.machine.node.addDependency(may, mayBranch);
  }
}

function runs(functions: Readonly<Record<FunctionName, lambda.Function>>): Grant[] {
  return [
    {
      actions: ["lambda:InvokeFunction"],
      on: FUNCTIONS.map((name) => functions[name].functionArn),
      because: "its tasks are these functions",
    },
  ];
}

function readsAndWrites(bucket: s3.Bucket): Grant[] {
  return [
    {
      actions: ["s3:GetObject"],
      on: [bucket.arnForObjects("objects/runs/*/slices.jsonl")],
      because: "the Map reads the slices of any run",
    },
    {
      actions: ["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
      on: [bucket.arnForObjects("objects/runs/*/map/*")],
      because: "the Map writes what became of the slices of any run",
    },
  ];
}

function logsAndTraces(): Grant[] {
  return [
    {
      actions: [
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
      ],
      on: ["*"],
      because: "deliveries of logs are no resources",
    },
    {
      actions: [
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
      ],
      on: ["*"],
      because: "traces are no resources",
    },
  ];
}

/** A distributed Map starts, follows, stops and redrives executions of its own machine. */
function branches(scope: Construct, name: string): Grant[] {
  const executions = [arn(scope, "states", `execution:${name}:*`), arn(scope, "states", `execution:${name}/*:*`)];
  const because = "the branches of the Map are executions of the machine's own";
  return [
    { actions: ["states:StartExecution"], on: [arn(scope, "states", `stateMachine:${name}`)], because },
    { actions: ["states:DescribeExecution", "states:StopExecution"], on: executions, because },
    { actions: ["states:RedriveExecution"], on: executions.slice(1), because },
  ];
}
