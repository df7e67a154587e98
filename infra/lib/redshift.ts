// Redshift Serverless, where it is asked for: private, no way in but the Data API, reading nothing but what runs have typed.

import { Aws, Stack } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as redshift from "aws-cdk-lib/aws-redshiftserverless";
import type * as s3 from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import type { Deployment } from "./deployment.js";
import { allow, arn } from "./roles.js";

/** The role of the database that functions get; README.md says what it is to be granted. */
export const DATABASE_ROLE = "lakehead";

export class Redshift extends Construct {
  readonly workgroup: redshift.CfnWorkgroup;
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: { deployment: Deployment; vpc: ec2.Vpc; bucket: s3.Bucket }) {
    super(scope, id);
    const {
      deployment: { name, redshift: wanted },
      vpc,
      bucket,
    } = props;
    if (wanted === null) throw new Error("a bug: Redshift is made where none is wanted");
    this.role = readsRuns(this, name, bucket);
    const namespace = new redshift.CfnNamespace(this, "Namespace", {
      namespaceName: name,
      dbName: wanted.database,
      adminUsername: "administrator",
      // Redshift makes the password and keeps it in a secret of its own.
      manageAdminPassword: true,
      iamRoles: [this.role.roleArn],
      logExports: ["userlog", "connectionlog", "useractivitylog"],
      finalSnapshotName: `${name}-final`,
      finalSnapshotRetentionPeriod: 30,
    });
    const group = new ec2.SecurityGroup(this, "Group", {
      vpc,
      description: "Redshift: S3 only, nothing in.",
      allowAllOutbound: false,
    });
    group.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), "S3; its subnets have no other route");
    this.workgroup = new redshift.CfnWorkgroup(this, "Workgroup", {
      workgroupName: name,
      namespaceName: namespace.namespaceName,
      baseCapacity: wanted.baseRpus,
      maxCapacity: wanted.mostRpus,
      publiclyAccessible: false,
      enhancedVpcRouting: true,
      subnetIds: vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
      securityGroupIds: [group.securityGroupId],
      configParameters: [{ parameterKey: "require_ssl", parameterValue: "true" }],
    });
    this.workgroup.addResourceDependency(namespace);
  }
}

/** The role that COPY reads with. */
function readsRuns(scope: Construct, name: string, bucket: s3.Bucket): iam.Role {
  const usersOfThisAccount = arn(scope, "redshift", `dbuser:serverless-${Aws.ACCOUNT_ID}-*/*`);
  const trusted = (service: string) =>
    new iam.ServicePrincipal(service, { conditions: { StringLike: { "sts:ExternalId": usersOfThisAccount } } });
  const role = new iam.Role(scope, "Role", {
    assumedBy: new iam.CompositePrincipal(
      trusted("redshift.amazonaws.com"),
      trusted("redshift-serverless.amazonaws.com"),
    ),
    description: `Lets Redshift read the runs of ${Stack.of(scope).stackName}, for ${name}.`,
  });
  allow(scope, "May", role, [
    {
      actions: ["s3:GetObject"],
      on: [bucket.arnForObjects("objects/runs/*")],
      because: "COPY reads the parts of any run, and the list of them",
    },
    {
      actions: ["s3:ListBucket"],
      on: [bucket.bucketArn],
      because: "COPY looks for the parts of a run",
      when: { StringLike: { "s3:prefix": "objects/runs/*" } },
    },
    { actions: ["s3:GetBucketLocation"], on: [bucket.bucketArn], because: "COPY asks where the bucket is" },
  ]);
  return role;
}
