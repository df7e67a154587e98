// ARNs as a person reads them: `arn:${AWS::Partition}:s3:::…`, whatever the template makes of them.

import type { Stack } from "aws-cdk-lib";

export function legible(stack: Stack, value: string): string {
  return text(stack.resolve(value));
}

function text(resolved: unknown): string {
  if (typeof resolved === "string") return resolved;
  const value = resolved as { Ref?: string; "Fn::GetAtt"?: string[]; "Fn::Join"?: [string, unknown[]] };
  if (value.Ref !== undefined) return `\${${value.Ref}}`;
  if (value["Fn::GetAtt"] !== undefined) return `\${${value["Fn::GetAtt"].join(".")}}`;
  if (value["Fn::Join"] !== undefined) return value["Fn::Join"][1].map(text).join(value["Fn::Join"][0]);
  throw new Error(`a bug: nobody knows how to read ${JSON.stringify(resolved)}`);
}
