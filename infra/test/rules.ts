// Rules that a template is held to beside those of the linters. Each answers what breaks it.

import { list, ofType, type Template, text } from "./support.js";

interface Statement {
  readonly Effect: string;
  readonly Action?: string | string[];
  readonly Principal?: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}

export type Rule = (template: Template) => string[];

/** Every policy in a template, by where it stands. */
function policies(template: Template): [string, Statement][] {
  const found: [string, Statement][] = [];
  const look = (place: string, value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { Version, Statement } = value as { Version?: unknown; Statement?: Statement | Statement[] };
    if (Version !== undefined && Statement !== undefined)
      list(Statement).forEach((statement) => found.push([place, statement]));
    for (const [name, inner] of Object.entries(value)) look(name === "Properties" ? place : `${place}.${name}`, inner);
  };
  for (const [name, resource] of Object.entries(template.Resources)) look(name, resource);
  return found;
}

const serviceOf = ({ Principal }: Statement): string[] =>
  list((Principal as { Service?: string | string[] } | undefined)?.Service);

/** What is reached over TLS only, and the attribute of a policy that names it. */
const CARRIERS: [string, string, string][] = [
  ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"],
  ["AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"],
  ["AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"],
];

/** IAM counts a role's policies without blanks. */
const MOST_CHARACTERS = 10_240;

export const RULES: Record<string, Rule> = {
  "nobody gets in from a network": (template) => [
    ...ofType(template, "AWS::EC2::SecurityGroupIngress").map(([name]) => name),
    ...ofType(template, "AWS::EC2::SecurityGroup")
      .filter(([, { Properties }]) => list(Properties.SecurityGroupIngress).length > 0)
      .map(([name]) => name),
    ...Object.entries(template.Resources)
      .filter(([, { Properties }]) => Properties?.PubliclyAccessible === true)
      .map(([name]) => name),
  ],

  "no role has a policy that AWS may change": (template) =>
    ofType(template, "AWS::IAM::Role")
      .filter(([, { Properties }]) => list(Properties.ManagedPolicyArns).length > 0)
      .map(([name]) => name),

  "no action is a wildcard": (template) =>
    policies(template)
      .filter(([, { Effect }]) => Effect === "Allow")
      .flatMap(([place, { Action }]) =>
        list(Action)
          .filter((action) => action.includes("*"))
          .map((action) => `${place}: ${action}`),
      ),

  "no secret stands in the template": (template) => {
    // Names that the CDK makes up look random too.
    const made = (value: string) =>
      value.startsWith("Lakehead/") || Object.keys(template.Resources).some((name) => value.includes(name));
    const found: string[] = [];
    const look = (place: string, name: string, value: unknown): void => {
      if (typeof value === "string") {
        if (!made(value) && (/(password|secret|token|apikey|api_key)$/i.test(name) || random(value)))
          found.push(`${place}.${name}`);
      } else if (typeof value === "object" && value !== null && !isReference(value)) {
        Object.entries(value).forEach(([inner, one]) => look(`${place}.${name}`, inner, one));
      }
    };
    for (const [name, { Properties }] of Object.entries(template.Resources)) {
      const { Code: _code, ...others } = Properties ?? {};
      look(name, "Properties", others);
    }
    return found;
  },

  "everything is reached over TLS only": (template) =>
    CARRIERS.flatMap(([carrier, policy, attribute]) => {
      const safe = ofType(template, policy)
        .filter(([, { Properties }]) =>
          (Properties.PolicyDocument.Statement as Statement[]).some(
            ({ Effect, Condition }) => Effect === "Deny" && Condition?.["Bool"]?.["aws:SecureTransport"] === "false",
          ),
        )
        .flatMap(([, { Properties }]) => list(Properties[attribute]).map(text));
      return ofType(template, carrier)
        .map(([name]) => name)
        .filter((name) => !safe.includes(`\${${name}}`));
    }),

  "no bucket is open to the public": (template) =>
    ofType(template, "AWS::S3::Bucket")
      .filter(([, { Properties }]) => {
        const block = Properties.PublicAccessBlockConfiguration ?? {};
        return !["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"].every(
          (name) => block[name] === true,
        );
      })
      .map(([name]) => name),

  "everything is encrypted where it lies": (template) => [
    ...ofType(template, "AWS::S3::Bucket")
      .filter(([, { Properties }]) => Properties.BucketEncryption === undefined)
      .map(([name]) => name),
    ...ofType(template, "AWS::SQS::Queue")
      .filter(
        ([, { Properties }]) => Properties.SqsManagedSseEnabled !== true && Properties.KmsMasterKeyId === undefined,
      )
      .map(([name]) => name),
    ...ofType(template, "AWS::SNS::Topic")
      .filter(([, { Properties }]) => Properties.KmsMasterKeyId === undefined)
      .map(([name]) => name),
    ...ofType(template, "AWS::Athena::WorkGroup")
      .filter(
        ([, { Properties }]) =>
          Properties.WorkGroupConfiguration?.ResultConfiguration?.EncryptionConfiguration === undefined,
      )
      .map(([name]) => name),
  ],

  // Lambda does not say for whom it takes a role, so its trust can't be narrowed.
  "a service takes a role for this account only": (template) =>
    ofType(template, "AWS::IAM::Role")
      .filter(([, { Properties }]) =>
        (Properties.AssumeRolePolicyDocument.Statement as Statement[]).some((statement) => {
          const keys = Object.values(statement.Condition ?? {}).flatMap(Object.keys);
          const narrowed = keys.includes("aws:SourceAccount") || keys.includes("sts:ExternalId");
          return serviceOf(statement).some((service) => service !== "lambda.amazonaws.com") && !narrowed;
        }),
      )
      .map(([name]) => name),

  "every log ends some day": (template) =>
    ofType(template, "AWS::Logs::LogGroup")
      .filter(([, { Properties }]) => Properties.RetentionInDays === undefined)
      .map(([name]) => name),

  "nothing but the six functions runs": (template) => [
    ...ofType(template, "AWS::Lambda::Function")
      .map(([, { Properties }]) => Properties.FunctionName)
      .filter((name) => typeof name !== "string"),
    ...Object.entries(template.Resources)
      .filter(([, { Type }]) => /^(Custom::|AWS::CloudFormation::CustomResource)/.test(Type))
      .map(([name]) => name),
  ],

  "the policies of a role are short enough for IAM": (template) => {
    const lengths = new Map<string, number>();
    for (const [, { Properties }] of ofType(template, "AWS::IAM::Policy")) {
      for (const role of Properties.Roles.map(text))
        lengths.set(role, (lengths.get(role) ?? 0) + filled(JSON.stringify(Properties.PolicyDocument, texts)).length);
    }
    return [...lengths].filter(([, length]) => length > MOST_CHARACTERS).map(([role, length]) => `${role}: ${length}`);
  },
};

/** Looks like a key or a password: long, without blanks and paths, of many different characters. */
function random(value: string): boolean {
  if (!/^[A-Za-z0-9+/=_-]{24,}$/.test(value) || !/[0-9]/.test(value) || !/[A-Z]/.test(value) || !/[a-z]/.test(value))
    return false;
  const counts = [...value].reduce(
    (counts, letter) => counts.set(letter, (counts.get(letter) ?? 0) + 1),
    new Map<string, number>(),
  );
  const entropy = [...counts.values()].reduce(
    (sum, count) => sum - (count / value.length) * Math.log2(count / value.length),
    0,
  );
  return entropy > 3.5;
}

function isReference(value: object): boolean {
  return ["Ref", "Fn::GetAtt", "Fn::Join"].some((name) => name in value);
}

/** References become text, as they will be in the account. */
function texts(_: string, value: unknown): unknown {
  return typeof value === "object" && value !== null && isReference(value) ? text(value) : value;
}

function filled(policy: string): string {
  return policy
    .replaceAll("${AWS::Partition}", "aws")
    .replaceAll("${AWS::Region}", "ap-southeast-2")
    .replaceAll("${AWS::AccountId}", "123456789012")
    .replace(/\$\{[^}]*\}/g, "x".repeat(60));
}
