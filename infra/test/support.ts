// Stacks to look at: made of a deployment's text and of stubs in place of functions.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeApp } from "../lib/app.js";
import { FUNCTIONS } from "../lib/deployment.js";

export const HERE = fileURLToPath(new URL("..", import.meta.url));
export const ROOT = join(HERE, "..");

const scratch = mkdtempSync(join(tmpdir(), "lakehead-test-"));
process.on("exit", () => rmSync(scratch, { recursive: true }));

/** A folder that is gone when the tests are over. */
export function folder(): string {
  return mkdtempSync(join(scratch, "x"));
}

/** A file in a folder of its own. */
export function file(name: string, content: string | Buffer): string {
  const path = join(folder(), name);
  writeFileSync(path, content);
  return path;
}

/** A folder of functions that do nothing, or of these bytes. */
export function lambdas(bootstrap: string | Buffer = "#!/bin/sh\n"): string {
  const lambdas = folder();
  for (const name of FUNCTIONS) {
    mkdirSync(join(lambdas, name));
    writeFileSync(join(lambdas, name, "bootstrap"), bootstrap);
    chmodSync(join(lambdas, name, "bootstrap"), 0o755);
  }
  return lambdas;
}

/** A pipelines folder of these definitions. */
export function pipelines(definitions: Record<string, string>): string {
  const pipelines = folder();
  for (const [name, text] of Object.entries(definitions)) {
    mkdirSync(join(pipelines, name));
    writeFileSync(join(pipelines, name, "pipeline.yaml"), text);
  }
  return pipelines;
}

/** A deployment of the shipped pipelines that run daily, with nothing that costs extra. */
export const PLAIN = `
pipelines:
  gins: { params: { base_url: "https://gins.test" } }
  datahub: { params: { base_url: "https://datahub.test" } }
  matrix: { params: { environment: prod } }
`;

/** The same with everything that can be asked for. */
export const FULL = readFileSync(join(HERE, "test/everything.yaml"), "utf8");

export interface Resource {
  readonly Type: string;
  // Templates are looked at, not typed.
  readonly Properties: any;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: string[];
}

export interface Template {
  readonly Resources: Record<string, Resource>;
  readonly Outputs: Record<string, { Value: unknown }>;
}

/** A stack of this deployment, and where it was written to. */
export function synth(deployment: string, told: Record<string, string> = {}) {
  const out = folder();
  const environment: Record<string, string> = {
    DEPLOYMENT: file("deployment.yaml", deployment),
    LAMBDA_DIR: lambdas(),
    CDK_OUTDIR: out,
    ...told,
  };
  const { app, stack } = makeApp({ here: HERE, told: (name) => environment[name] });
  app.synth();
  const template = JSON.parse(readFileSync(join(out, "Lakehead.template.json"), "utf8")) as Template;
  return { app, stack, out, template };
}

const made = new Map<string, ReturnType<typeof synth>>();

/** The plain stack or the full one, each made once. */
export function shipped(deployment: string): ReturnType<typeof synth> {
  const before = made.get(deployment);
  if (before !== undefined) return before;
  const now = synth(deployment);
  made.set(deployment, now);
  return now;
}

/** The resources of a type, by their logical names. */
export function ofType(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** The only resource of a type. */
export function only(template: Template, type: string): Resource {
  const found = ofType(template, type);
  if (found.length !== 1) throw new Error(`there are ${found.length} of ${type}`);
  return found[0]![1];
}

/** Templates' references as text: `{"Ref": "X"}` is `${X}`. */
export function text(value: unknown): string {
  if (typeof value === "string") return value;
  const reference = value as { Ref?: string; "Fn::GetAtt"?: string[]; "Fn::Join"?: [string, unknown[]] };
  if (reference.Ref !== undefined) return `\${${reference.Ref}}`;
  if (reference["Fn::GetAtt"] !== undefined) return `\${${reference["Fn::GetAtt"].join(".")}}`;
  if (reference["Fn::Join"] !== undefined) return reference["Fn::Join"][1].map(text).join(reference["Fn::Join"][0]);
  return JSON.stringify(value);
}

export function list<T>(value: T | T[] | undefined): T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
