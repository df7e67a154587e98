// The network, where one is asked for: private subnets, one fixed address to call others from, no way in.

import { Fn, RemovalPolicy } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Deployment } from "./deployment.js";
import { arn, serviceOfThisAccount } from "./roles.js";

/** How functions leave by the fixed address. */
export interface Egress {
  readonly vpc: ec2.Vpc;
  readonly subnets: ec2.SubnetSelection;
  readonly securityGroup: ec2.SecurityGroup;
  readonly address: string;
}

const PUBLIC = { name: "nat", subnetType: ec2.SubnetType.PUBLIC, cidrMask: 28, mapPublicIpOnLaunch: false };
const FUNCTIONS = { name: "functions", subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 };
const WAREHOUSE = { name: "warehouse", subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 };

export class Network extends Construct {
  readonly vpc: ec2.Vpc;
  readonly egress: Egress | null;

  constructor(scope: Construct, id: string, deployment: Deployment) {
    super(scope, id);
    const { fixedEgress, redshift } = deployment;
    const address = fixedEgress ? new ec2.CfnEIP(this, "Address", { domain: "vpc" }) : null;
    this.vpc = new ec2.Vpc(this, "Vpc", {
      vpcName: deployment.name,
      ipAddresses: ec2.IpAddresses.cidr("10.20.0.0/16"),
      // Redshift Serverless wants three zones.
      maxAzs: redshift === null ? 2 : 3,
      natGateways: address === null ? 0 : 1,
      natGatewayProvider:
        address === null ? undefined : ec2.NatProvider.gateway({ eipAllocationIds: [address.attrAllocationId] }),
      subnetConfiguration: [...(fixedEgress ? [PUBLIC, FUNCTIONS] : []), ...(redshift === null ? [] : [WAREHOUSE])],
      gatewayEndpoints: { S3: { service: ec2.GatewayVpcEndpointAwsService.S3 } },
      // It would need a function of its own to empty a group that nothing uses.
      restrictDefaultSecurityGroup: false,
    });
    this.logFlows(deployment);
    this.egress =
      address === null
        ? null
        : {
            vpc: this.vpc,
            subnets: { subnetGroupName: FUNCTIONS.name },
            securityGroup: this.functionsGroup(),
            address: address.ref,
          };
  }

  private functionsGroup(): ec2.SecurityGroup {
    const group = new ec2.SecurityGroup(this, "FunctionsGroup", {
      vpc: this.vpc,
      description: "Functions that call sources and databases: out by TCP, nothing in.",
      allowAllOutbound: false,
    });
    group.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.allTcp(), "sources, databases, and the services of AWS");
    return group;
  }

  private logFlows(deployment: Deployment): void {
    const log = new logs.LogGroup(this, "FlowLog", {
      logGroupName: `/${deployment.name}/flows`,
      retention: deployment.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, "FlowRole", {
      assumedBy: serviceOfThisAccount("vpc-flow-logs.amazonaws.com", arn(this, "ec2", "vpc-flow-log/*")),
      description: `Writes the flow log of ${deployment.name}.`,
    });
    this.vpc.addFlowLog("Flows", { destination: ec2.FlowLogDestination.toCloudWatchLogs(log, role) });
  }
}

/** The zones of whatever region the stack is put into, without asking for them. */
export function zones(): string[] {
  return [0, 1, 2].map((at) => Fn.select(at, Fn.getAzs()));
}
