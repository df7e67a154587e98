// Athena: the workgroup in which checks, models and people query the lake.

import * as athena from "aws-cdk-lib/aws-athena";
import type * as s3 from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import type { Deployment } from "./deployment.js";

export class Workgroup extends Construct {
  readonly name: string;

  constructor(scope: Construct, id: string, props: { deployment: Deployment; bucket: s3.Bucket }) {
    super(scope, id);
    const { deployment, bucket } = props;
    this.name = deployment.name;
    new athena.CfnWorkGroup(this, "Workgroup", {
      name: this.name,
      description: `Queries of ${deployment.name}.`,
      state: "ENABLED",
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        // A model is made by a statement that says where its files go, and an enforced configuration refuses these.
        // Whoever says nothing gets what stands here, and the limit holds in any case.
        enforceWorkGroupConfiguration: false,
        bytesScannedCutoffPerQuery: deployment.athenaScanLimitGb * 1_000_000_000,
        engineVersion: { selectedEngineVersion: "Athena engine version 3" },
        publishCloudWatchMetricsEnabled: true,
        requesterPaysEnabled: false,
        resultConfiguration: {
          outputLocation: `s3://${bucket.bucketName}/athena/`,
          encryptionConfiguration: { encryptionOption: "SSE_S3" },
        },
      },
    });
  }
}
