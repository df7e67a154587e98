// The bucket: everything that Lakehead keeps, laid out as a local root is.

import { Duration, RemovalPolicy } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as s3 from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import type { Deployment } from "./deployment.js";

/** What is created once or swapped by compare-and-swap, and must not be written in any other way. */
const SWAPPED = [
  "lake/*/_current.json",
  "objects/ledger/*",
  "objects/bookmarks/*",
  "objects/locks/*",
  "objects/triggers/*",
];

/** For how long what was replaced or deleted can be brought back. */
const SECOND_THOUGHTS = Duration.days(30);

const PRIVATE = {
  encryption: s3.BucketEncryption.S3_MANAGED,
  blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
  objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  removalPolicy: RemovalPolicy.RETAIN,
};

export class Buckets extends Construct {
  readonly data: s3.Bucket;
  readonly accessLogs: s3.Bucket;

  constructor(scope: Construct, id: string, deployment: Deployment) {
    super(scope, id);
    this.accessLogs = new s3.Bucket(this, "AccessLogs", {
      ...PRIVATE,
      lifecycleRules: [
        { id: "expire", expiration: Duration.days(90), abortIncompleteMultipartUploadAfter: Duration.days(2) },
      ],
    });
    this.data = new s3.Bucket(this, "Data", {
      ...PRIVATE,
      versioned: true,
      serverAccessLogsBucket: this.accessLogs,
      serverAccessLogsPrefix: "data/",
      lifecycleRules: lifecycle(deployment),
    });
    this.data.addToResourcePolicy(swappedOnly(this.data));
  }
}

function lifecycle(deployment: Deployment): s3.LifecycleRule[] {
  const shorter = deployment.pipelines.filter((pipeline) => pipeline.rawPagesDays !== null);
  return [
    {
      id: "leftovers",
      abortIncompleteMultipartUploadAfter: Duration.days(2),
      noncurrentVersionExpiration: SECOND_THOUGHTS,
      expiredObjectDeleteMarker: true,
    },
    // What a run leaves behind: raw pages, parts, its record. What is published does not need it.
    {
      id: "runs",
      prefix: "objects/runs/",
      expiration: Duration.days(deployment.rawPagesDays),
      noncurrentVersionExpiration: Duration.days(1),
    },
    ...shorter.map(({ definition, rawPagesDays }) => ({
      id: `runs-${definition.name}`,
      prefix: `objects/runs/${definition.name}/`,
      expiration: Duration.days(rawPagesDays!),
      noncurrentVersionExpiration: Duration.days(1),
    })),
    { id: "results", prefix: "athena/", expiration: Duration.days(7), noncurrentVersionExpiration: Duration.days(1) },
  ];
}

/** Refuses writes of what is to be swapped unless they say what they replace, or that there is nothing yet. */
function swappedOnly(bucket: s3.Bucket): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: "SwappedOnly",
    effect: iam.Effect.DENY,
    principals: [new iam.AnyPrincipal()],
    actions: ["s3:PutObject"],
    resources: SWAPPED.map((key) => bucket.arnForObjects(key)),
    conditions: { Null: { "s3:if-match": "true", "s3:if-none-match": "true" } },
  });
}
