// What each function may do: one table. A function may do nothing else, and a test of the emulator holds it against
// the calls that were made in a run, in both directions.

import type { Deployment, FunctionName } from "./deployment.js";
import type { Grant } from "./roles.js";

/** What a function is granted. */
export interface FunctionGrant extends Grant {
  /**
   * Who makes the calls with the function's role: the function itself; Athena, which reads and writes as whoever
   * started the statement; the Data API of Redshift, likewise; or Lambda, before and after the function.
   */
  readonly by: "function" | "athena" | "redshift" | "lambda";
}

/** The resources that grants are about, each an ARN. */
export interface Places {
  readonly bucket: string;
  /** Objects of the bucket whose keys begin so. */
  readonly keys: (prefix: string) => string;
  readonly workgroup: string;
  /** The catalogue, databases and their tables. */
  readonly catalogue: readonly string[];
  /** The database that Athena looks for whatever is asked. */
  readonly defaultDatabase: readonly string[];
  readonly secret: (name: string) => string;
  readonly redshiftWorkgroup: string | null;
  readonly logs: (name: FunctionName) => string;
}

/** The database in which staged tables are shown to Athena before they are published. */
export const STAGING_DATABASE = "lakehead_staging";

/** The grants of every function. */
export function grants(deployment: Deployment, places: Places): Record<FunctionName, FunctionGrant[]> {
  const objects = places.keys("objects/*");
  const lake = places.keys("lake/*");
  const exports = places.keys("exports/*");
  const results = places.keys("athena/*");
  const definitions = deployment.pipelines.map((pipeline) => pipeline.definition);
  const ofSources = definitions.flatMap((definition) => definition.sourceSecrets);
  const rotating = definitions.flatMap((definition) => definition.rotatingSecrets);
  const ofDestinations = definitions.flatMap((definition) => definition.destinationSecrets);

  const itself = (actions: string[], on: string[], because: string): FunctionGrant => ({
    actions,
    on,
    by: "function",
    because,
  });
  const athena = (actions: string[], on: string[], because: string): FunctionGrant => ({
    actions,
    on,
    by: "athena",
    because,
  });

  const missing = itself(
    ["s3:ListBucket"],
    [places.bucket],
    "it lists, and a missing object is answered by 404 instead of 403",
  );
  const keeps = itself(
    ["s3:GetObject", "s3:PutObject"],
    [objects],
    "it reads what the steps before left, and leaves its own",
  );
  const uploads = (on: string[]) =>
    itself(["s3:AbortMultipartUpload"], on, "an upload in parts that breaks off is taken back");
  const reads = (names: string[]) => secrets(READS, names, "the secrets that definitions name");
  const replaces = (names: string[]) => secrets(REPLACES, names, "refresh tokens that their source replaces");
  const secrets = (actions: typeof READS, names: string[], because: string) =>
    names.length === 0
      ? []
      : [itself([actions[deployment.secretStore]], [...new Set(names)].map(places.secret), because)];
  const asks = [...reads(ofSources), ...replaces(rotating)];

  const sql = [
    itself(["s3:PutObject"], [results], "it lists the files of staged tables for Athena"),
    itself(
      ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"],
      [places.workgroup],
      "checks, models and exports are statements of Athena",
    ),
    athena(["s3:GetBucketLocation"], [places.bucket], "it asks where the bucket is"),
    athena(["s3:ListBucket"], [places.bucket], "it looks which files there are"),
    athena(["s3:GetObject"], [lake], "statements read tables"),
    athena(
      ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      [results],
      "statements leave their results",
    ),
    athena(["s3:ListBucketMultipartUploads"], [places.bucket], "results are written in parts"),
    athena(
      ["glue:GetDatabase", "glue:GetTable", "glue:GetPartition", "glue:GetPartitions"],
      [...places.catalogue],
      "statements ask what tables are made of",
    ),
    athena(["glue:GetDatabase"], [...places.defaultDatabase], "it looks for the database `default` first"),
  ];
  const catalogue = itself(
    [
      "glue:GetDatabase",
      "glue:CreateDatabase",
      "glue:GetTable",
      "glue:GetTables",
      "glue:CreateTable",
      "glue:UpdateTable",
      "glue:DeleteTable",
    ],
    [...places.catalogue],
    "tables as Athena and others see them, and staged ones while they are checked",
  );
  const partitions = itself(
    ["glue:GetPartitions", "glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:BatchDeletePartition"],
    [...places.catalogue],
    "a window of a table is a partition; models have none",
  );
  const redshift = redshiftGrants(places);
  const runtime = (name: FunctionName) => runtimeGrants(name, deployment, places);

  return {
    plan: [keeps, missing, ...asks, ...runtime("plan")],
    "fetch-page": [keeps, missing, uploads([objects]), ...asks, ...runtime("fetch-page")],
    transform: [keeps, missing, uploads([objects]), ...runtime("transform")],
    load: [
      keeps,
      missing,
      itself(["s3:GetObject", "s3:PutObject"], [lake], "parts are copied into the lake by S3 itself"),
      ...reads(ofDestinations),
      ...runtime("load"),
    ],
    publish: [
      keeps,
      missing,
      itself(["s3:GetObject", "s3:PutObject"], [lake], "it swaps pointers, and writes versions and lists of files"),
      ...reads(ofDestinations),
      ...sql,
      catalogue,
      partitions,
      ...redshift,
      ...runtime("publish"),
    ],
    refresh: [
      keeps,
      missing,
      itself(["s3:GetObject", "s3:PutObject"], [lake], "it swaps pointers, and writes versions and lists of files"),
      itself(["s3:GetObject", "s3:PutObject"], [exports], "exports are files for others"),
      uploads([exports]),
      ...reads(ofDestinations),
      ...sql,
      catalogue,
      athena(
        ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        [lake],
        "models write into a fresh place",
      ),
      athena(["glue:CreateTable", "glue:UpdateTable"], [...places.catalogue], "models make tables and views"),
      ...redshift,
      ...runtime("refresh"),
    ],
  };
}

/** What Lambda itself does with a function's role. */
function runtimeGrants(name: FunctionName, deployment: Deployment, places: Places): FunctionGrant[] {
  const lambda = (actions: string[], on: string[], because: string): FunctionGrant => ({
    actions,
    on,
    by: "lambda",
    because,
  });
  const logs = lambda(
    ["logs:CreateLogStream", "logs:PutLogEvents"],
    [places.logs(name)],
    "it writes the log of the function",
  );
  const traces = lambda(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"], "traces are no resources");
  return deployment.tracing ? [logs, traces] : [logs];
}

const READS = { "secrets-manager": "secretsmanager:GetSecretValue", "parameter-store": "ssm:GetParameter" };
const REPLACES = { "secrets-manager": "secretsmanager:PutSecretValue", "parameter-store": "ssm:PutParameter" };

/** Statements in Redshift, by its Data API; none where there is no Redshift. */
function redshiftGrants({ redshiftWorkgroup }: Places): FunctionGrant[] {
  if (redshiftWorkgroup === null) return [];
  return [
    {
      actions: ["redshift-data:ExecuteStatement", "redshift-data:BatchExecuteStatement"],
      on: [redshiftWorkgroup],
      by: "function",
      because: "COPY, checks and publishing are statements of Redshift",
    },
    {
      actions: ["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
      on: ["*"],
      by: "function",
      because: "statements are no resources; the condition leaves one's own",
      when: { StringEquals: { "redshift-data:statement-owner-iam-userid": "${aws:userid}" } },
    },
    {
      actions: ["redshift-serverless:GetCredentials"],
      on: [redshiftWorkgroup],
      by: "redshift",
      because: "the Data API logs in as the function's role",
    },
  ];
}
