/** What LiteRT.js expects of the worker it runs in, where that is Node. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";

globalThis.self = globalThis;
globalThis.require = createRequire(import.meta.url);
globalThis.importScripts = (url) => {
  globalThis.__filename = fileURLToPath(url);
  globalThis.__dirname = dirname(__filename);
  runInThisContext(readFileSync(__filename, "utf8"), { filename: __filename });
};
