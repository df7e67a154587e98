// What the stack needs to know of each pipeline: when it runs, its parameters, its secrets, its databases.
//
// `lakehead check` checks definitions; here they are only looked through.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WrittenFile } from "./written.js";

/** A pipeline's folder as far as the stack is concerned. */
export interface Definition {
  readonly name: string;
  readonly folder: string;
  readonly schedule: { readonly cron: string; readonly timezone: string } | null;
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Names of the secrets that its source asks for. */
  readonly sourceSecrets: readonly string[];
  /** Those among them that the source may replace. */
  readonly rotatingSecrets: readonly string[];
  /** Names of the secrets that its destinations ask for. */
  readonly destinationSecrets: readonly string[];
  /** The databases that it publishes into, with parameters in braces. */
  readonly databases: readonly string[];
}

/** A parameter; `values` where only some are taken, each with what else it stands for. */
export interface Parameter {
  readonly default: string | null;
  readonly values: ReadonlyMap<string, ReadonlyMap<string, string>> | null;
}

/** Every pipeline below `folder`, by name. */
export function readDefinitions(folder: string): Map<string, Definition> {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, "pipeline.yaml")))
    .map((entry) => entry.name)
    .sort();
  return new Map(names.map((name) => [name, readDefinition(name, join(folder, name))]));
}

function readDefinition(name: string, folder: string): Definition {
  const path = join(folder, "pipeline.yaml");
  const file = new WrittenFile(path, readFileSync(path, "utf8"));
  file.refuse();
  const written = object(file.plain());
  const { destinations, ...rest } = written;
  const parameters = new Map(
    Object.entries(object(written["parameters"])).map(([name, value]) => [name, parameter(value)]),
  );
  const schedule = object(written["schedule"]);
  return {
    name,
    folder,
    schedule:
      "cron" in schedule ? { cron: String(schedule["cron"]), timezone: String(schedule["timezone"] ?? "UTC") } : null,
    parameters,
    sourceSecrets: secrets(rest),
    rotatingSecrets: rotating(rest),
    destinationSecrets: secrets(destinations),
    databases: databases(written),
  };
}

function parameter(written: unknown): Parameter {
  const { default: standard, one_of: oneOf } = object(written);
  const parts = (value: unknown) => new Map(Object.entries(object(value)).map(([part, text]) => [part, String(text)]));
  const values = Array.isArray(oneOf)
    ? new Map(oneOf.map((value) => [String(value), new Map<string, string>()]))
    : oneOf === undefined
      ? null
      : new Map(Object.entries(object(oneOf)).map(([value, stands]) => [value, parts(stands)]));
  return { default: standard === undefined ? null : String(standard), values };
}

/** The names in every `{ secret: NAME }`, wherever it stands. */
function secrets(written: unknown): string[] {
  const found = new Set<string>();
  walk(written, (mapping) => {
    if (typeof mapping["secret"] === "string") found.add(mapping["secret"]);
  });
  return [...found].sort();
}

/** Refresh tokens that the source may replace: those of `oauth2_refresh_token` that do not say `rotates: false`. */
function rotating(written: unknown): string[] {
  const found = new Set<string>();
  walk(written, (mapping) => {
    const auth = object(mapping["oauth2_refresh_token"]);
    const token = object(auth["refresh_token"])["secret"];
    if (typeof token === "string" && auth["rotates"] !== false) found.add(token);
  });
  return [...found].sort();
}

function walk(written: unknown, look: (mapping: Record<string, unknown>) => void): void {
  if (Array.isArray(written)) written.forEach((element) => walk(element, look));
  else if (typeof written === "object" && written !== null) {
    look(written as Record<string, unknown>);
    Object.values(written).forEach((value) => walk(value, look));
  }
}

function databases(written: Record<string, unknown>): string[] {
  const lake = object(object(written["destinations"])["lake"])["database"];
  const models = Object.values(object(written["models"])).map((model) => object(model)["database"]);
  return [...new Set([lake, ...models].filter((name) => typeof name === "string"))].sort();
}

/**
 * The databases of runs to which `fixed` parameters are given: `{environment.database}` is one for each value that
 * `environment` may have, and `*` stands for what nobody can tell.
 */
export function databasesOf(definition: Definition, fixed: Readonly<Record<string, string>>): string[] {
  return [...new Set(definition.databases.flatMap((template) => filled(template, definition, fixed)))].sort();
}

function filled(template: string, definition: Definition, fixed: Readonly<Record<string, string>>): string[] {
  const name = /\{([^}.]+)/.exec(template)?.[1];
  if (name === undefined) return [template];
  const known = definition.parameters.get(name)?.values ?? null;
  const given = fixed[name];
  const values = given !== undefined ? [given] : known !== null ? [...known.keys()] : ["*"];
  return values.flatMap((value) => {
    const parts = known?.get(value);
    const text = template.replace(/\{([^}.]+)(?:\.([^}]+))?\}/g, (whole, of: string, part: string | undefined) => {
      if (of !== name) return whole;
      return part === undefined ? value : (parts?.get(part) ?? "*");
    });
    return filled(text, definition, fixed);
  });
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
