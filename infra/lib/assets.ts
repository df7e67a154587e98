// What is uploaded for each function: the folder that `cargo lambda build` made, and for `plan` the pipelines too.

import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeployedPipeline, FunctionName } from "./deployment.js";

export type Architecture = "arm64" | "x86_64";

/** The machine in the header of an ELF file. */
const MACHINES = new Map<number, Architecture>([
  [0xb7, "arm64"],
  [0x3e, "x86_64"],
]);

/** The folder of a function's code. `lambdas` holds one folder a function, each with `bootstrap`. */
export function codeFolder(
  name: FunctionName,
  lambdas: string,
  architecture: Architecture,
  pipelines: readonly DeployedPipeline[],
): string {
  const bootstrap = join(lambdas, name, "bootstrap");
  if (!existsSync(bootstrap)) {
    throw new Error(
      `${bootstrap} is not there; build it with \`cargo lambda build\` as infra/README.md says, or set LAMBDA_DIR to where it is`,
    );
  }
  const built = architectureOf(bootstrap);
  if (built !== null && built !== architecture) {
    throw new Error(
      `${bootstrap} was built for ${built}, and functions are to run on ${architecture}; build it for ${architecture}, or set ARCHITECTURE=${built}`,
    );
  }
  // Nothing else that lies beside it is to be uploaded.
  const folder = mkdtempSync(join(tmpdir(), "lakehead-"));
  cpSync(bootstrap, join(folder, "bootstrap"));
  if (name === "plan") {
    for (const { definition } of pipelines) {
      cpSync(definition.folder, join(folder, "pipelines", definition.name), { recursive: true });
    }
  }
  return folder;
}

/** The machine that a program is for; none where it is no ELF file, such as a script that stands in. */
function architectureOf(path: string): Architecture | null {
  const header = Buffer.alloc(20);
  const file = openSync(path, "r");
  readSync(file, header, 0, header.length, 0);
  closeSync(file);
  if (header.toString("latin1", 0, 4) !== "\x7fELF") return null;
  return MACHINES.get(header.readUInt16LE(18)) ?? null;
}
