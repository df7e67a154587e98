// All tests in one process, as loading the CDK takes longer than most of them.

import { readdirSync } from "node:fs";

for (const file of readdirSync(new URL(".", import.meta.url)).sort()) {
  if (file.endsWith(".test.ts")) await import(new URL(file, import.meta.url).href);
}
