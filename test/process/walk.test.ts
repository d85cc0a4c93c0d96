import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { root } from "../support/root";

/** Of what is switched off: code that costs nothing where it does not run, and no memory where it is not loaded. */
const OFF: [what: string, files: RegExp, isLoaded: boolean][] = [
  ["limits", /\/limits\/|limit-store|node-limits/, false],
  ["one provider", /provider-pin/, true],
  ["a stand-in", /otherwise|circuit|other-server|of-server/, true],
  ["cost", /prices/, true],
  ["sound", /sound/, true],
];

describe("a question on its way through the code", function () {
  this.timeout(150_000);
  let said: string;
  before(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["-r", "tsx/cjs", "dev/walk.ts", "--list"], {
      cwd: root,
    });
    said = stdout;
  });

  const filesOf = (route: string) => Number(new RegExp(`(\\d+) files: ${route}$`, "m").exec(said)?.[1]);

  const listOf = (name: string) => new RegExp(`^${name}:\n((?:.+\n)*)`, "m").exec(said)?.[1]?.trim().split("\n") ?? [];

  for (const [what, files, isLoaded] of OFF) {
    it(`costs nothing for ${what}, which it does not need`, () => {
      for (const route of ["plain", "token", "stream", "memory"]) {
        const passed = listOf(route);
        assert.ok(passed.length >= 30, said);
        assert.deepEqual(
          passed.filter((file) => files.test(file)),
          [],
          route,
        );
      }
      assert.equal(
        listOf("loaded").some((file) => files.test(file)),
        isLoaded,
        said,
      );
    });
  }

  it("passes at most 30 files, and two more with a token", () => {
    assert.ok(filesOf("plain") <= 30, said);
    assert.ok(filesOf("token") <= 32, said);
  });

  it("costs at most 15 calls of our functions a delta, which passes no file twice", () => {
    const [, calls, way = ""] = /^([\d.]+) calls a delta, through (.*)$/m.exec(said) ?? [];
    assert.ok(Number(calls) <= 15, said);
    const files = way.split(" > ");
    assert.ok(files.length > 5, said);
    assert.deepEqual(files, [...new Set(files)]);
  });
});
