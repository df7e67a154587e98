// The deployment: what a person decides about a stack, read from `deployment.yaml` and checked.

import { readFileSync } from "node:fs";
import { type Definition, databasesOf } from "./definitions.js";
import { meant, type Written, WrittenFile } from "./written.js";

/** The functions, each the name of a folder in `functions/`. */
export const FUNCTIONS = ["plan", "fetch-page", "transform", "load", "publish", "refresh"] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** How large a function is. */
export interface FunctionSize {
  readonly memoryMb: number;
  readonly timeoutSecs: number;
  readonly reservedConcurrency: number | null;
}

/** One schedule of a pipeline. */
export interface PipelineSchedule {
  /** The pipeline's name, and the schedule's own where there are several. */
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  readonly params: Readonly<Record<string, string>>;
  readonly paused: boolean;
}

/** A pipeline as it is deployed. */
export interface DeployedPipeline {
  readonly definition: Definition;
  /** The databases that it may publish into. */
  readonly databases: readonly string[];
  readonly schedules: readonly PipelineSchedule[];
  /** Within how many hours a publish is expected; none where nobody waits for it. */
  readonly publishedWithinHours: number | null;
  /** For how many days its raw pages are kept, where that is less than others'. */
  readonly rawPagesDays: number | null;
}

/** Everything that is decided about a stack. */
export interface Deployment {
  /** What all names in the account begin with. */
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Addresses of email that are told of failures and alarms. */
  readonly notify: readonly string[];
  readonly rawPagesDays: number;
  readonly logDays: number;
  readonly tracing: boolean;
  readonly secretStore: "secrets-manager" | "parameter-store";
  readonly athenaScanLimitGb: number;
  readonly longestRunHours: number;
  readonly functions: Readonly<Record<FunctionName, FunctionSize>>;
  readonly fixedEgress: boolean;
  readonly redshift: { readonly baseRpus: number; readonly mostRpus: number; readonly database: string } | null;
  readonly pipelines: readonly DeployedPipeline[];
}

/** What CloudWatch Logs takes for a retention. */
const LOG_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** CloudWatch looks back seven days at most. */
const MOST_HOURS = 7 * 24;

/** A daily run and two hours more. */
const DAILY_HOURS = 26;

const SIZES: Record<FunctionName, FunctionSize> = {
  plan: { memoryMb: 512, timeoutSecs: 900, reservedConcurrency: null },
  "fetch-page": { memoryMb: 512, timeoutSecs: 900, reservedConcurrency: null },
  // 1,769 MB is one whole processor.
  transform: { memoryMb: 1769, timeoutSecs: 900, reservedConcurrency: null },
  load: { memoryMb: 512, timeoutSecs: 900, reservedConcurrency: null },
  publish: { memoryMb: 512, timeoutSecs: 900, reservedConcurrency: null },
  refresh: { memoryMb: 512, timeoutSecs: 900, reservedConcurrency: null },
};

/** Reads a deployment of these pipelines; throws every problem at once. */
export function readDeployment(path: string, definitions: ReadonlyMap<string, Definition>): Deployment {
  return parseDeployment(path, readFileSync(path, "utf8"), definitions);
}

/** Reads a deployment from its text; `name` is what problems call it. */
export function parseDeployment(name: string, text: string, definitions: ReadonlyMap<string, Definition>): Deployment {
  const file = new WrittenFile(name, text);
  file.refuse();
  const top = file.whole.fields([
    "name",
    "tags",
    "notify",
    "raw_pages_days",
    "log_days",
    "tracing",
    "secret_store",
    "athena_scan_limit_gb",
    "longest_run_hours",
    "functions",
    "fixed_egress",
    "redshift",
    "pipelines",
  ]);
  const rawPagesDays = top.raw_pages_days?.whole(1, 3650) ?? 90;
  const deployment: Deployment = {
    name:
      top.name?.shaped(/^[a-z][a-z0-9-]{0,23}$/, "a name of at most 24 small letters, digits and `-`") ?? "lakehead",
    tags: texts(top.tags),
    notify: top.notify?.list().map((address) => address.shaped(/^[^@\s]+@[^@\s]+$/, "an address of email")) ?? [],
    rawPagesDays,
    logDays: top.log_days === undefined ? 30 : logDays(top.log_days),
    tracing: top.tracing?.truth() ?? false,
    secretStore: top.secret_store?.word(["secrets-manager", "parameter-store"]) ?? "secrets-manager",
    athenaScanLimitGb: top.athena_scan_limit_gb?.whole(1, 1_000_000) ?? 100,
    longestRunHours: top.longest_run_hours?.whole(1, 24) ?? 6,
    functions: sizes(top.functions),
    fixedEgress: top.fixed_egress?.truth() ?? false,
    redshift: top.redshift === undefined ? null : redshift(top.redshift),
    pipelines: pipelines(file, top.pipelines, definitions, rawPagesDays),
  };
  file.refuse();
  return deployment;
}

function texts(written: Written | undefined): Record<string, string> {
  const members = written?.members() ?? new Map<string, Written>();
  return Object.fromEntries([...members].map(([name, value]) => [name, value.text()]));
}

function logDays(written: Written): number {
  const days = written.whole(1, 3653);
  if (!LOG_DAYS.includes(days))
    written.refuse(`CloudWatch Logs does not keep logs for ${days} days`, `it takes: ${LOG_DAYS.join(", ")}`);
  return days;
}

function sizes(written: Written | undefined): Record<FunctionName, FunctionSize> {
  const sizes = { ...SIZES };
  const named = written?.fields(FUNCTIONS) ?? {};
  for (const name of FUNCTIONS) {
    const fields = named[name]?.fields(["memory_mb", "timeout_secs", "reserved_concurrency"]) ?? {};
    sizes[name] = {
      memoryMb: fields.memory_mb?.whole(128, 10240) ?? SIZES[name].memoryMb,
      // A step stops half a minute before its time is over.
      timeoutSecs: fields.timeout_secs?.whole(60, 900) ?? SIZES[name].timeoutSecs,
      reservedConcurrency: fields.reserved_concurrency?.whole(1, 10_000) ?? null,
    };
  }
  return sizes;
}

function redshift(written: Written): Deployment["redshift"] {
  const fields = written.fields(["base_rpus", "most_rpus", "database"]);
  const baseRpus = fields.base_rpus?.whole(4, 512) ?? 8;
  const mostRpus = fields.most_rpus?.whole(4, 5632) ?? baseRpus * 2;
  const steps = [4, 8];
  if (!steps.includes(baseRpus) && baseRpus % 8 !== 0)
    fields.base_rpus?.refuse(
      `${baseRpus} is no size of Redshift Serverless`,
      "it takes 4, 8, 16, 24 and so on by eights",
    );
  if (mostRpus < baseRpus) fields.most_rpus?.refuse(`this is less than \`base_rpus\`, ${baseRpus}`);
  return {
    baseRpus,
    mostRpus,
    database:
      fields.database?.shaped(/^[a-z_][a-z0-9_]{0,62}$/, "a name of small letters, digits and `_`") ?? "lakehead",
  };
}

function pipelines(
  file: WrittenFile,
  written: Written | undefined,
  definitions: ReadonlyMap<string, Definition>,
  rawPagesDays: number,
): DeployedPipeline[] {
  const named = written?.members() ?? new Map<string, Written>();
  for (const [name, value] of named) {
    if (!definitions.has(name)) value.refuse(`there is no pipeline \`${name}\``, meant(name, [...definitions.keys()]));
  }
  return [...definitions.values()].flatMap(
    (definition) => pipeline(file, definition, named.get(definition.name), rawPagesDays) ?? [],
  );
}

function pipeline(
  file: WrittenFile,
  definition: Definition,
  written: Written | undefined,
  rawPagesDays: number,
): DeployedPipeline | null {
  const fields =
    written?.fields(["deployed", "params", "paused", "schedules", "published_within_hours", "raw_pages_days"]) ?? {};
  if (fields.deployed?.truth() === false) return null;
  const days = fields.raw_pages_days?.whole(1, 3650) ?? null;
  if (days !== null && days > rawPagesDays) {
    fields.raw_pages_days?.refuse(
      `raw pages of all pipelines are kept for ${rawPagesDays} days, and the shorter time counts`,
      "raise `raw_pages_days` for all, and lower it here for others",
    );
  }
  const params = parameters(fields.params, definition);
  const common = { params, paused: fields.paused?.truth() ?? false };
  const schedules = schedulesOf(definition, fields.schedules, common);
  // What is wrong with a pipeline that the file does not name is at its beginning.
  const refuse = (fact: string, remedy: string) =>
    written === undefined ? file.add(0, fact, remedy) : written.refuse(fact, remedy);
  const at = `pipelines.${definition.name}`;
  for (const schedule of schedules.filter((schedule) => !schedule.paused)) {
    for (const [name, parameter] of definition.parameters) {
      const value = schedule.params[name] ?? parameter.default;
      if (value === null)
        refuse(`the schedule \`${schedule.name}\` does not say what \`${name}\` is`, `give \`${at}.params.${name}\``);
      else if (/^https?:\/\/[^/]*\.example(\/|:|$)/.test(value)) {
        refuse(
          `the schedule \`${schedule.name}\` would ask ${value}, which is nobody's address`,
          `give \`${at}.params.${name}\`, or say \`paused: true\``,
        );
      }
    }
  }
  const databases = databasesOf(definition, params);
  if (databases.includes("*"))
    refuse(
      `\`${definition.name}\` may publish into any database`,
      `give the parameter in its name a value in \`${at}.params\``,
    );
  return {
    definition,
    databases,
    schedules,
    publishedWithinHours: freshness(file, definition, schedules, fields.published_within_hours),
    rawPagesDays: days,
  };
}

function parameters(written: Written | undefined, definition: Definition): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of written?.members() ?? []) {
    const parameter = definition.parameters.get(name);
    given[name] = value.text();
    if (parameter === undefined)
      value.refuse(
        `\`${definition.name}\` has no parameter \`${name}\``,
        meant(name, [...definition.parameters.keys()]),
      );
    else if (parameter.values !== null && !parameter.values.has(given[name]))
      value.refuse(
        `\`${given[name]}\` is not a value of \`${name}\``,
        meant(given[name], [...parameter.values.keys()]),
      );
  }
  return given;
}

function schedulesOf(
  definition: Definition,
  written: Written | undefined,
  common: { params: Record<string, string>; paused: boolean },
): PipelineSchedule[] {
  const standard = definition.schedule;
  if (written === undefined) return standard === null ? [] : [{ name: definition.name, ...standard, ...common }];
  return [...written.members()].flatMap(([name, value]) => {
    if (!/^[a-z0-9][a-z0-9_-]{0,19}$/.test(name))
      value.refuse(`\`${name}\` is not a name of at most 20 small letters, digits, \`_\` and \`-\``);
    const fields = value.fields(["cron", "timezone", "params", "paused"]);
    const cron =
      fields.cron?.shaped(
        /^\S+( \S+){5}$/,
        "an EventBridge cron of six fields: minutes hours day-of-month month day-of-week year",
      ) ?? standard?.cron;
    if (cron === undefined) {
      value.refuse(`the definition of \`${definition.name}\` has no schedule`, "give `cron` here");
      return [];
    }
    return [
      {
        name: `${definition.name}-${name}`,
        cron,
        timezone: fields.timezone?.text() ?? standard?.timezone ?? "UTC",
        params: { ...common.params, ...parameters(fields.params, definition) },
        paused: fields.paused?.truth() ?? common.paused,
      },
    ];
  });
}

/** Within how many hours to expect a publish: a day's run and a little more, where it runs every day. */
function freshness(
  file: WrittenFile,
  definition: Definition,
  schedules: readonly PipelineSchedule[],
  written: Written | undefined,
): number | null {
  const running = schedules.filter((schedule) => !schedule.paused);
  if (written !== undefined) {
    if (written.text() === "never") return null;
    return written.whole(1, MOST_HOURS);
  }
  if (running.length === 0) return null;
  if (!running.some((schedule) => daily(schedule.cron))) {
    file.add(
      0,
      `\`${definition.name}\` does not run every day, so nobody knows when to miss its tables`,
      `give \`pipelines.${definition.name}.published_within_hours\`: a number up to ${MOST_HOURS}, or \`never\``,
    );
  }
  return DAILY_HOURS;
}

function daily(cron: string): boolean {
  const [, , dayOfMonth, month, dayOfWeek, year] = cron.split(" ");
  return [dayOfMonth, dayOfWeek].every((field) => field === "*" || field === "?") && month === "*" && year === "*";
}
