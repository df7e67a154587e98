// The stack: everything that Lakehead has in an account.

import { Aws, CfnOutput, Fn, Stack, type StackProps, Tags } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { Alarms } from "./alarms.js";
import type { Architecture } from "./assets.js";
import { Workgroup } from "./athena.js";
import { Buckets } from "./bucket.js";
import { Dashboard } from "./dashboard.js";
import type { Deployment } from "./deployment.js";
import { Functions, logGroupName } from "./functions.js";
import { type Places, STAGING_DATABASE } from "./grants.js";
import { legible } from "./legible.js";
import { Network, zones } from "./network.js";
import { Notifications } from "./notifications.js";
import { DATABASE_ROLE, Redshift } from "./redshift.js";
import { arn } from "./roles.js";
import { Schedules } from "./schedules.js";
import { StateMachine } from "./state-machine.js";

export interface LakeheadProps extends StackProps {
  readonly deployment: Deployment;
  /** The folder that holds a folder for each function, with `bootstrap` in it. */
  readonly lambdas: string;
  readonly architecture: Architecture;
}

export class LakeheadStack extends Stack {
  readonly functions: Functions;

  constructor(scope: Construct, id: string, props: LakeheadProps) {
    super(scope, id, {
      stackName: props.deployment.name,
      description: "Lakehead: HTTP APIs into a lake, every day.",
      ...props,
    });
    const { deployment, lambdas, architecture } = props;
    const { data: bucket } = new Buckets(this, "Buckets", deployment);
    const workgroup = new Workgroup(this, "Athena", { deployment, bucket });
    const network =
      deployment.fixedEgress || deployment.redshift !== null ? new Network(this, "Network", deployment) : null;
    const redshift =
      network === null || deployment.redshift === null
        ? null
        : new Redshift(this, "Redshift", { deployment, vpc: network.vpc, bucket });
    this.functions = new Functions(this, "Functions", {
      deployment,
      lambdas,
      architecture,
      environment: {
        LAKEHEAD_BUCKET: bucket.bucketName,
        LAKEHEAD_SECRET_STORE: deployment.secretStore,
        LAKEHEAD_ATHENA_WORKGROUP: workgroup.name,
        ...(redshift === null
          ? {}
          : {
              LAKEHEAD_REDSHIFT_WORKGROUP: redshift.workgroup.workgroupName,
              LAKEHEAD_REDSHIFT_DATABASE: deployment.redshift!.database,
              LAKEHEAD_REDSHIFT_ROLE: redshift.role.roleArn,
            }),
      },
      places: places(this, deployment, { bucket: bucket.bucketArn, workgroup: workgroup.name, redshift }),
      egress: network?.egress ?? null,
      databaseRole: redshift === null ? null : DATABASE_ROLE,
    });
    const { machine } = new StateMachine(this, "StateMachine", { deployment, functions: this.functions.all, bucket });
    const { undelivered } = new Schedules(this, "Schedules", { deployment, machine });
    const { topic } = new Notifications(this, "Notifications", { deployment, machine });
    const watched = {
      deployment,
      machine,
      functions: this.functions.all,
      undelivered,
      topic,
    };
    new Alarms(this, "Alarms", watched);
    new Dashboard(this, "Dashboard", { ...watched, workgroup: workgroup.name });

    Tags.of(this).add("application", "lakehead");
    Tags.of(this).add("deployment", deployment.name);
    for (const [name, value] of Object.entries(deployment.tags)) Tags.of(this).add(name, value);

    const tell = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    tell("BucketName", bucket.bucketName, "Where everything is kept.");
    tell("StateMachineArn", machine.stateMachineArn, "What runs are executions of.");
    tell("TopicArn", topic.topicArn, "What tells of failed runs and of alarms.");
    tell("WorkgroupName", workgroup.name, "The workgroup of Athena to query the lake in.");
    tell("UndeliveredUrl", undelivered.queueUrl, "Where starts wait that no schedule could deliver.");
    if (network?.egress) tell("EgressAddress", network.egress.address, "The address that sources see.");
    if (redshift !== null)
      tell("RedshiftWorkgroup", redshift.workgroup.workgroupName, "The workgroup of Redshift Serverless.");
    tell(
      "Environment",
      Fn.join("", [
        `export AWS_REGION=`,
        Aws.REGION,
        " LAKEHEAD_BUCKET=",
        bucket.bucketName,
        " LAKEHEAD_STATE_MACHINE=",
        machine.stateMachineArn,
        " LAKEHEAD_ATHENA_WORKGROUP=",
        workgroup.name,
      ]),
      "What `lakehead … --target aws` reads; paste it into a shell.",
    );
  }

  /** What each function was granted, as a person reads it. */
  grantsLegible(): Record<string, object[]> {
    const rows = Object.entries(this.functions.granted).map(([name, grants]) => [
      name,
      grants.map((grant) => ({ ...grant, on: grant.on.map((resource) => legible(this, resource)) })),
    ]);
    return Object.fromEntries(rows);
  }

  /** Without an account at hand: the first three, whatever they are called. */
  override get availabilityZones(): string[] {
    return zones();
  }
}

/** The ARNs that grants are about. */
function places(
  scope: Stack,
  deployment: Deployment,
  made: { bucket: string; workgroup: string; redshift: Redshift | null },
): Places {
  const databases = [STAGING_DATABASE, ...new Set(deployment.pipelines.flatMap(({ databases }) => databases))];
  const catalogue = arn(scope, "glue", "catalog");
  const secrets = {
    // Secrets Manager puts six characters of its own behind a name.
    "secrets-manager": (name: string) => arn(scope, "secretsmanager", `secret:lakehead/${name}-??????`),
    "parameter-store": (name: string) => arn(scope, "ssm", `parameter/lakehead/${name}`),
  };
  return {
    bucket: made.bucket,
    keys: (prefix) => `${made.bucket}/${prefix}`,
    workgroup: arn(scope, "athena", `workgroup/${made.workgroup}`),
    catalogue: [
      catalogue,
      ...databases.flatMap((name) => [arn(scope, "glue", `database/${name}`), arn(scope, "glue", `table/${name}/*`)]),
    ],
    defaultDatabase: [catalogue, arn(scope, "glue", "database/default")],
    secret: secrets[deployment.secretStore],
    redshiftWorkgroup: made.redshift === null ? null : made.redshift.workgroup.attrWorkgroupWorkgroupArn,
    logs: (name) => arn(scope, "logs", `log-group:${logGroupName(deployment, name)}:*`),
  };
}
