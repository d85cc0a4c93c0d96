import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { root } from "../../support/root";

interface Failed {
  key: string;
  code: string;
  message: string;
  cause: { retryable: boolean; code: string };
}

/** Runs a script in a separate process. While its function `withoutFiles` runs, no file can be opened. */
function inProcess(script: string): unknown {
  const prelude = `
    const fs = require("node:fs");
    const withoutFiles = (task) => {
      const open = [];
      try { for (;;) open.push(fs.openSync(process.execPath)); } catch {}
      try { return task(); }
      catch (error) { const { key, code, message, cause } = error; return { key, code, message, cause }; }
      finally { for (const file of open) fs.closeSync(file); }
    };`;
  const shell = `ulimit -n 256; exec "${process.execPath}" -e "$SCRIPT"`;
  const env = { ...process.env, NODE_OPTIONS: "", SCRIPT: `${prelude}\n${script}` };
  return JSON.parse(execFileSync("sh", ["-c", shell], { cwd: root, encoding: "utf8", env }));
}

describe("a module that fails to load because no file can be opened", () => {
  before(function () {
    if (process.platform === "win32") this.skip();
  });

  const cases: [what: string, setUp: string, use: string][] = [
    [
      "of a schema for the reply",
      'const { readOutput } = require("./nodes/conversation/json/structured-output");',
      'readOutput({ type: "json_schema", json_schema: { schema: { type: "object" } } }, "openai", false).schema.type',
    ],
    [
      "of a schema of draft 2020-12",
      'const { compileSchema } = require("./nodes/conversation/json/schema");',
      'compileSchema({ $schema: "https://json-schema.org/draft/2020-12/schema", type: "object" })({}).length',
    ],
    [
      "of the parameters of a function",
      'const { readParameters } = require("./nodes/conversation/tools");',
      'readParameters("f", { type: "object" }).type',
    ],
    [
      "of a template",
      'const { renderTemplate } = require("./nodes/node-red/template");',
      'renderTemplate("{{payload}}!", { payload: "Hi" }, "prompt")',
    ],
  ];
  for (const [what, setUp, use] of cases) {
    it(`is not reported as a fault ${what}, and loads the next time`, () => {
      const [failed, then] = inProcess(`${setUp}
        const failed = withoutFiles(() => ${use});
        console.log(JSON.stringify([failed, ${use}]));`) as [Failed, unknown];
      assert.equal(failed.key, "module_failed", JSON.stringify(failed));
      assert.equal(failed.code, "provider_unavailable");
      assert.equal(failed.cause.retryable, true);
      // If Node.js 24 cannot open a package.json, it calls it invalid.
      assert.match(failed.cause.code, /^(EMFILE|ERR_INVALID_PACKAGE_CONFIG)$/);
      assert.doesNotMatch(failed.message, /\.\./);
      assert.match(
        failed.message,
        /^Package incomplete: (ajv|mustache) could not be loaded \((EMFILE|Cannot read package config)/,
      );
      assert.ok((["object", 0, "Hi!"] as unknown[]).includes(then), JSON.stringify(then));
    });
  }
});
