// Roles: whom a service may act for, and what it may do. Nothing comes from a managed policy.

import { Aws, Stack } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import type { Grant } from "./grants.js";

/** A service of AWS that acts for this account only, and for this source only where one is given. */
export function serviceOfThisAccount(service: string, sourceArn?: string): iam.IPrincipal {
  return new iam.ServicePrincipal(service, {
    conditions: {
      StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID },
      ...(sourceArn === undefined ? {} : { ArnLike: { "aws:SourceArn": sourceArn } }),
    },
  });
}

/** A statement of a policy for each grant. */
export function statements(grants: readonly Grant[]): iam.PolicyStatement[] {
  return grants.map((grant) => new iam.PolicyStatement({
    actions: [...grant.actions],
    resources: [...grant.on],
    conditions: grant.when,
  }));
}

/** A role's policy of its own. */
export function allow(scope: Construct, id: string, role: iam.Role, statements: iam.PolicyStatement[]): iam.Policy {
  return new iam.Policy(scope, id, { roles: [role], statements });
}

/** An ARN in this account and region. */
export function arn(scope: Construct, service: string, resource: string): string {
  return `arn:${Stack.of(scope).partition}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
}
