import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { root } from "../support/root";

describe("a question on its way through the code", () => {
  let said: string;
  before(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["-r", "tsx/cjs", "dev/walk.ts"], { cwd: root });
    said = stdout;
  });

  const filesOf = (route: string) => Number(new RegExp(`(\\d+) files: ${route}$`, "m").exec(said)?.[1]);

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
