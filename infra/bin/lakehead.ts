// Writes the template: `npx tsx bin/lakehead.ts`, or through the CDK's own command. It asks no account for anything.
//
// LAMBDA_DIR     the folder with a folder for each function; `../target/lambda` where nothing is said
// DEPLOYMENT     the deployment; `deployment.yaml`
// PIPELINES      the pipelines; `../pipelines`
// ARCHITECTURE   `arm64` or `x86_64`; `arm64`
// CDK_OUTDIR     where the template goes; `cdk.out`

import { fileURLToPath } from "node:url";
import { writeTemplate } from "../lib/app.js";

const here = fileURLToPath(new URL("..", import.meta.url));
try {
  writeTemplate({ here, told: (name) => process.env[name] || undefined });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
