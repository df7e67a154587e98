import { strict as assert } from "node:assert";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FUNCTIONS } from "../lib/deployment.js";
import { FULL, lambdas, ofType, only, PLAIN, ROOT, shipped, synth, type Template, text } from "./support.js";

const functions = (template: Template) =>
  ofType(template, "AWS::Lambda::Function").map(([, { Properties }]) => Properties);

/** The folder of what is uploaded for a function. */
function code(of: ReturnType<typeof synth>, name: string): string {
  const found = functions(of.template).find(({ FunctionName }) => FunctionName === name);
  return join(of.out, `asset.${found.Code.S3Key.replace(".zip", "")}`);
}

test("every folder of functions is a function, and there are no others", () => {
  const folders = readdirSync(join(ROOT, "functions")).sort();
  assert.deepEqual([...FUNCTIONS].sort(), folders);
  const names = functions(shipped(PLAIN).template).map(({ FunctionName }) => FunctionName);
  assert.deepEqual(
    names.sort(),
    folders.map((name) => `lakehead-${name}`),
  );
});

test("functions are small programs of their own on arm64", () => {
  for (const properties of functions(shipped(PLAIN).template)) {
    assert.equal(properties.Runtime, "provided.al2023");
    assert.equal(properties.Handler, "bootstrap");
    assert.deepEqual(properties.Architectures, ["arm64"]);
    assert.equal(properties.Timeout, 900);
    assert.equal(properties.VpcConfig, undefined);
    assert.equal(properties.TracingConfig, undefined);
  }
});

test("sizes are those of the deployment", () => {
  const transform = functions(shipped(FULL).template).find(
    ({ FunctionName }) => FunctionName === "everything-transform",
  );
  assert.equal(transform.MemorySize, 3008);
  assert.equal(transform.ReservedConcurrentExecutions, 20);
});

test("they are told what the settings read, and nothing else", () => {
  const settings = readFileSync(join(ROOT, "shared/edge/src/settings.rs"), "utf8");
  for (const deployment of [PLAIN, FULL]) {
    for (const { Environment } of functions(shipped(deployment).template)) {
      for (const name of Object.keys(Environment.Variables)) assert.ok(settings.includes(`"${name}"`), name);
    }
  }
  const told = (deployment: string) =>
    Object.keys(functions(shipped(deployment).template)[0].Environment.Variables).sort();
  assert.deepEqual(told(PLAIN), ["LAKEHEAD_ATHENA_WORKGROUP", "LAKEHEAD_BUCKET", "LAKEHEAD_SECRET_STORE"]);
  assert.deepEqual(
    told(FULL),
    [...told(PLAIN), "LAKEHEAD_REDSHIFT_DATABASE", "LAKEHEAD_REDSHIFT_ROLE", "LAKEHEAD_REDSHIFT_WORKGROUP"].sort(),
  );
});

test("plan brings the pipelines that are deployed, others bring their program only", () => {
  const of = synth(
    `pipelines: { gins: { paused: true }, matrix: { paused: true }, datahub: { deployed: false }, datasette: { deployed: false } }`,
  );
  const plan = code(of, "lakehead-plan");
  assert.deepEqual(readdirSync(plan).sort(), ["bootstrap", "pipelines"]);
  assert.deepEqual(readdirSync(join(plan, "pipelines")).sort(), ["gins", "matrix"]);
  assert.ok(existsSync(join(plan, "pipelines/matrix/models")));
  assert.ok(existsSync(join(plan, "pipelines/matrix/reference")));
  assert.equal(statSync(join(plan, "bootstrap")).mode & 0o111, 0o111);
  assert.deepEqual(readdirSync(code(of, "lakehead-load")), ["bootstrap"]);
});

test("the same code has the same name in every synthesis", () => {
  const keys = (of: ReturnType<typeof synth>) => functions(of.template).map(({ Code }) => text(Code.S3Key));
  assert.deepEqual(keys(synth(PLAIN)), keys(synth(PLAIN)));
});

test("a program for another machine is refused", () => {
  const elf = (machine: number) => {
    const header = Buffer.alloc(64);
    header.write("\x7fELF", "latin1");
    header.writeUInt16LE(machine, 18);
    return header;
  };
  assert.throws(
    () => synth(PLAIN, { LAMBDA_DIR: lambdas(elf(0x3e)) }),
    /was built for x86_64, and functions are to run on arm64; .*ARCHITECTURE=x86_64/,
  );
  const { template } = synth(PLAIN, { LAMBDA_DIR: lambdas(elf(0x3e)), ARCHITECTURE: "x86_64" });
  assert.deepEqual(functions(template)[0].Architectures, ["x86_64"]);
  assert.throws(() => synth(PLAIN, { ARCHITECTURE: "riscv" }), /ARCHITECTURE is `riscv`, not `arm64` or `x86_64`/);
});

test("a function that is not built is missed by name", () => {
  assert.throws(
    () => synth(PLAIN, { LAMBDA_DIR: "/nowhere" }),
    /\/nowhere\/plan\/bootstrap is not there; build it with `cargo lambda build`/,
  );
});

test("each log is kept for as long as the deployment says, and no longer", () => {
  const groups = ofType(shipped(PLAIN).template, "AWS::Logs::LogGroup").map(([, { Properties }]) => Properties);
  assert.equal(groups.length, FUNCTIONS.length + 1);
  for (const group of groups) assert.equal(group.RetentionInDays, 30);
});

test("functions that call others leave by one fixed address, the rest are outside of the network", () => {
  const { template } = shipped(FULL);
  const inside = (template: Template) =>
    functions(template)
      .filter(({ VpcConfig }) => VpcConfig !== undefined)
      .map(({ FunctionName }) => FunctionName.replace(/^[a-z]+-/, ""));
  // One of its pipelines publishes into a PostgreSQL.
  assert.deepEqual(inside(template), ["plan", "fetch-page", "load", "publish", "refresh"]);
  assert.deepEqual(
    inside(synth(`fixed_egress: true\n${PLAIN.replace(/  datahub:.*/, "  datahub: { deployed: false }")}`).template),
    ["plan", "fetch-page"],
  );
  const gateway = only(template, "AWS::EC2::NatGateway").Properties;
  assert.equal(text(gateway.AllocationId), `\${${ofType(template, "AWS::EC2::EIP")[0]![0]}.AllocationId}`);
  assert.ok(template.Outputs["EgressAddress"]);
});
