// The application: what the environment tells, and the one stack made of it.

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { App, DefaultStackSynthesizer } from "aws-cdk-lib";
import type { Architecture } from "./assets.js";
import { readDefinitions } from "./definitions.js";
import { readDeployment } from "./deployment.js";
import { LakeheadStack } from "./stack.js";

export interface Told {
  /** The folder `infra`. */
  readonly here: string;
  /** What the environment tells, by the names that `bin/lakehead.ts` explains. */
  readonly told: (name: string) => string | undefined;
}

/** Writes the template, and beside it what every function was granted: `grants.json`. */
export function writeTemplate(told: Told): void {
  const { app, stack } = makeApp(told);
  const { directory } = app.synth();
  writeFileSync(join(directory, "grants.json"), `${JSON.stringify(stack.grantsLegible(), null, 2)}\n`);
}

export function makeApp({ here, told }: Told): { app: App; stack: LakeheadStack } {
  const path = (name: string, standard: string) => resolve(told(name) ?? join(here, standard));
  const definitions = readDefinitions(path("PIPELINES", "../pipelines"));
  const deployment = readDeployment(path("DEPLOYMENT", "deployment.yaml"), definitions);
  const app = new App({
    outdir: path("CDK_OUTDIR", "cdk.out"),
    analyticsReporting: false,
    postCliContext: {
      // What is wrong in a resource fails here and not in the middle of a deployment.
      "@aws-cdk/core:validateAgainstDefaultRules": true,
      // One statement for all that is said of the same resources: a role's policies have a limit.
      "@aws-cdk/aws-iam:minimizePolicies": true,
      // The bucket of access logs is written by a policy, as its objects have no other owners.
      "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": true,
    },
  });
  const stack = new LakeheadStack(app, "Lakehead", {
    deployment,
    lambdas: path("LAMBDA_DIR", "../target/lambda"),
    architecture: architecture(told("ARCHITECTURE")),
    // A template without account and region goes into any, and any local endpoint takes it without a bootstrap.
    synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
  });
  return { app, stack };
}

function architecture(told: string | undefined): Architecture {
  if (told === undefined || told === "arm64") return "arm64";
  if (told === "x86_64") return "x86_64";
  throw new Error(`ARCHITECTURE is \`${told}\`, not \`arm64\` or \`x86_64\``);
}
