import assert from "node:assert/strict";
import { copyFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { McpConnection } from "../../src/node-red/mcp/mcp-connection";
import type { McpResult } from "../../src/node-red/mcp/types";
import { fetchPackages, Program } from "../support/npm-program";
import { root } from "../support/root";

const PACKAGES = ["@modelcontextprotocol/server@2", "@modelcontextprotocol/node@2"];
const SERVER = "official-mcp-server.mjs";
/** A signal of its own for each question, as in a flow. */
const quiet = () => new AbortController().signal;

/** Servers of both kinds, made with the official packages: the client and they were written by the same people, but not ours. */
describe("an MCP server made with the official packages", function () {
  this.timeout(240_000);
  let folder: string | undefined;

  before(async function () {
    folder = await fetchPackages(...PACKAGES);
    if (!folder) this.skip();
    copyFileSync(path.join(root, "test/fixtures", SERVER), path.join(folder, SERVER));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  for (const style of ["2026", "2025"]) {
    describe(`as of ${style}`, () => {
      const server = new Program((port) => ({ args: [path.join(folder ?? "", SERVER), style, String(port)] }));
      let connection: McpConnection;
      const connect = (timeout: number) => {
        const url = new URL(`http://127.0.0.1:${server.port}/mcp`);
        return new McpConnection({ id: "m", name: "official", believes: true, timeout, url });
      };
      const names = async () => (await connection.tools(quiet())).map(({ name }) => name);

      before(async () => {
        await server.start();
        connection = connect(60);
      });
      after(async () => {
        await connection?.close();
        await server.stop();
      });

      it("lists its tools, and runs them", async () => {
        assert.deepEqual(await names(), ["echo", "slow", "grow"]);
        const [echo] = await connection.tools(quiet());
        assert.equal(echo?.description, "The tool echo.");
        assert.equal(echo.annotations?.readOnlyHint, true);
        assert.deepEqual(echo.inputSchema["required"], ["text"]);
        assert.equal(textOf(await connection.call("echo", { text: "hello" }, quiet())), "hello");
      });

      it("refuses wrong arguments and unknown tools in words for the model", async () => {
        for (const [name, says] of [
          ["echo", /text/],
          ["gone", /gone/],
        ] as const) {
          const result = await connection.call(name, {}, quiet());
          assert.equal(result.isError, true);
          assert.match(textOf(result), says);
        }
      });

      it("is waited for while it is slow, as long as the time-out allows", async () => {
        assert.equal(textOf(await connection.call("slow", { ms: 300 }, quiet())), "at last");
        const impatient = connect(0.5);
        try {
          await assert.rejects(impatient.call("slow", { ms: 60_000 }, quiet()), { key: "mcp_silent" });
        } finally {
          await impatient.close();
        }
      });

      it("answers a hundred calls at once, each with its own answer", async () => {
        const texts = Array.from({ length: 100 }, (_, index) => `${index}`);
        const results = await Promise.all(texts.map((text) => connection.call("echo", { text }, quiet())));
        assert.deepEqual(results.map(textOf), texts);
      });

      it("tells when its tools have changed", async () => {
        await connection.call("grow", {}, quiet());
        for (let turn = 0; turn < 500 && !(await names()).includes("grown"); turn++) await sleep(10);
        assert.deepEqual(await names(), ["echo", "slow", "grow", "grown"]);
        assert.equal(textOf(await connection.call("grown", {}, quiet())), "new");
      });

      it("is found again after a restart", async () => {
        await server.stop();
        await server.start();
        assert.equal(textOf(await connection.call("echo", { text: "again" }, quiet())), "again");
        assert.deepEqual(await names(), ["echo", "slow", "grow"]);
      });
    });
  }
});

function textOf({ content }: McpResult): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}
