// Roles: whom a service may act for, and what it may do. Nothing comes from a managed policy.

import { Aws, Stack, Validations } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { legible } from "./legible.js";

/** Actions on resources, and why. */
export interface Grant {
  readonly actions: readonly string[];
  readonly on: readonly string[];
  readonly because: string;
  /** Further conditions, as IAM writes them. */
  readonly when?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A service of AWS that acts for this account only, and for this source only where one is given. */
export function serviceOfThisAccount(service: string, sourceArn?: string): iam.IPrincipal {
  return new iam.ServicePrincipal(service, {
    conditions: {
      StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID },
      ...(sourceArn === undefined ? {} : { ArnLike: { "aws:SourceArn": sourceArn } }),
    },
  });
}

/** A policy of a role's own: one statement a grant. Where a grant has a `*`, its reason is noted for cdk-nag. */
export function allow(scope: Construct, id: string, role: iam.Role, grants: readonly Grant[]): iam.Policy {
  const policy = new iam.Policy(scope, id, { roles: [role] });
  for (const grant of grants) {
    policy.addStatements(
      new iam.PolicyStatement({ actions: [...grant.actions], resources: [...grant.on], conditions: grant.when }),
    );
    for (const resource of grant.on.map((resource) => legible(Stack.of(scope), resource))) {
      if (resource.includes("*"))
        Validations.of(policy).acknowledge({
          id: `AwsSolutions-IAM5[Resource::${asNagWrites(resource)}]`,
          reason: grant.because,
        });
    }
  }
  return policy;
}

function asNagWrites(resource: string): string {
  return resource.replace(/\$\{([^}]*)\}/g, "<$1>");
}

/** An ARN in this account and region. */
export function arn(scope: Construct, service: string, resource: string): string {
  return `arn:${Stack.of(scope).partition}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
}
