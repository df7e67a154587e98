// The six functions: code, size, environment, log and role of each.

import { rmSync } from "node:fs";
import { Duration, RemovalPolicy, Tags } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { type Architecture, codeFolder } from "./assets.js";
import { type Deployment, type FunctionName, FUNCTIONS } from "./deployment.js";
import { type FunctionGrant, grants, type Places } from "./grants.js";
import type { Egress } from "./network.js";
import { allow, arn } from "./roles.js";

/** The functions that call sources, or databases that are not of AWS: they leave by the fixed address where there is one. */
function leaves(name: FunctionName, { pipelines }: Deployment): boolean {
  if (name === "plan" || name === "fetch-page") return true;
  return name !== "transform" && pipelines.some(({ definition }) => definition.destinationSecrets.length > 0);
}

export interface FunctionsProps {
  readonly deployment: Deployment;
  readonly lambdas: string;
  readonly architecture: Architecture;
  readonly environment: Readonly<Record<string, string>>;
  readonly places: Places;
  readonly egress: Egress | null;
  /** The role of the database that functions have in Redshift. */
  readonly databaseRole: string | null;
}

export class Functions extends Construct {
  readonly all: Readonly<Record<FunctionName, lambda.Function>>;
  readonly granted: Readonly<Record<FunctionName, FunctionGrant[]>>;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    this.granted = grants(props.deployment, props.places);
    const made = FUNCTIONS.map((name) => [name, one(this, name, this.granted[name], props)]);
    this.all = Object.fromEntries(made) as Record<FunctionName, lambda.Function>;
  }
}

/** `fetch-page` is `FetchPage` in the state machine, and here. */
export function upperCamelCase(name: string): string {
  return name
    .split("-")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}

/** A function's name in the account. */
export function functionName(deployment: Deployment, name: FunctionName): string {
  return `${deployment.name}-${name}`;
}

/** The name of a function's log group. */
export function logGroupName(deployment: Deployment, name: FunctionName): string {
  return `/aws/lambda/${functionName(deployment, name)}`;
}

function one(
  scope: Construct,
  name: FunctionName,
  granted: readonly FunctionGrant[],
  props: FunctionsProps,
): lambda.Function {
  const { deployment } = props;
  const size = deployment.functions[name];
  const id = upperCamelCase(name);
  const egress = leaves(name, deployment) ? props.egress : null;
  const role = new iam.Role(scope, `${id}Role`, {
    // Lambda does not say for whom it takes a role; only this account can pass this one to it.
    assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
    description: `What the function ${name} of ${deployment.name} may do.`,
  });
  if (props.databaseRole !== null && granted.some((grant) => grant.by === "redshift")) {
    Tags.of(role).add("RedshiftDbRoles", props.databaseRole);
  }
  const policy = allow(scope, `${id}May`, role, granted);
  const log = new logs.LogGroup(scope, `${id}Log`, {
    logGroupName: logGroupName(deployment, name),
    retention: deployment.logDays,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const folder = codeFolder(name, props.lambdas, props.architecture, deployment.pipelines);
  const code = new lambda.Function(scope, id, {
    functionName: functionName(deployment, name),
    description: `The step ${name} of a Lakehead run.`,
    runtime: lambda.Runtime.PROVIDED_AL2023,
    architecture: props.architecture === "arm64" ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
    handler: "bootstrap",
    code: lambda.Code.fromAsset(folder),
    memorySize: size.memoryMb,
    timeout: Duration.seconds(size.timeoutSecs),
    reservedConcurrentExecutions: size.reservedConcurrency ?? undefined,
    environment: { ...props.environment },
    // What the library would add to the role is in the table of grants, or not needed.
    role: role.withoutPolicyUpdates(),
    logGroup: log,
    tracing: deployment.tracing ? lambda.Tracing.ACTIVE : lambda.Tracing.DISABLED,
    ...(egress === null ? {} : { vpc: egress.vpc, vpcSubnets: egress.subnets, securityGroups: [egress.securityGroup] }),
  });
  rmSync(folder, { recursive: true });
  code.node.addDependency(policy);
  if (egress !== null) code.node.addDependency(mayJoin(scope, name, role, deployment));
  return code;
}

/** Lets Lambda, and not the function's code, make the function's network interface. */
function mayJoin(scope: Construct, name: FunctionName, role: iam.Role, deployment: Deployment): iam.Policy {
  const actions = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ];
  const code = arn(scope, "lambda", `function:${functionName(deployment, name)}`);
  const policy = allow(scope, `${upperCamelCase(name)}MayJoin`, role, [
    {
      actions,
      on: ["*"],
      because: "Lambda joins a function to the network; interfaces that are not there yet have no name",
    },
  ]);
  policy.addStatements(
    new iam.PolicyStatement({
      effect: iam.Effect.DENY,
      actions,
      resources: ["*"],
      conditions: { ArnEquals: { "lambda:SourceFunctionArn": code } },
    }),
  );
  return policy;
}
