import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../support/root";

const run = promisify(execFile);

/** Runs this project's build on a few small files instead of its code. */
describe("the build", function () {
  this.timeout(120_000);
  let folder: string;
  const at = (name: string) => path.join(folder, name);
  const write = (name: string, text: string) => {
    mkdirSync(path.dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
  };
  const read = (name: string) => readFileSync(at(name), "utf8");

  /** @returns its output */
  async function build(): Promise<string> {
    const { stderr } = await run(process.execPath, ["-r", "tsx/cjs", "dev/build.ts"], { cwd: folder });
    return stderr;
  }

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "huggingface-build-"));
    const tools = ["dev/build.ts", "dev/bundle-mcp.ts", "dev/mcp-client", "package-lock.json"];
    for (const name of [...tools, "tsconfig.json", "src/tsconfig.json", "package.json"])
      cpSync(path.join(root, name), at(name), { recursive: true });
    symlinkSync(path.join(root, "node_modules"), at("node_modules"), "junction");
    write("src/one.ts", "export const one = 1;\n");
    write("src/folder/two.ts", "export const two = 2;\n");
    write("src/client/index.ts", 'export { Client } from "./client";\n');
    write(
      "src/client/client.ts",
      `import { hidden } from "./hidden";
       import type { Options } from "./types/options";
       export class Client {
         constructor(readonly options: Options) {}
         /** @internal */
         forOurselves = hidden;
       }\n`,
    );
    write("src/client/hidden.ts", "export const hidden = 3;\n");
    write("src/client/types/options.ts", "export interface Options { text: string }\n");
    write("src/editor/validators-bundle.ts", 'import { text } from "./text.js";\nconsole.log(text);\n');
    write("src/editor/forms-bundle.ts", "console.log(1);\n");
    write("src/editor/text.ts", 'export const text = "first";\n');
    write("icons/icon.svg", "<svg/>\n");
    write("nodes/one.html", "<p></p>\n");
    write("resources/forms.css", "p {}\n");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("makes code, scripts of the editor and icons, and says so", async () => {
    assert.match(await build(), /^Building …\nBuilt in [\d.]+ s\.\n$/);
    assert.match(read("nodes/one.js"), /exports\.one = 1/);
    assert.match(read("nodes/folder/two.js"), /exports\.two = 2/);
    assert.match(read("resources/validators.js"), /first/);
    assert.equal(read("nodes/icons/icon.svg"), "<svg/>\n");
    assert.ok(existsSync(at("nodes/mcp/client.js")));
  });

  it("makes the declarations of the client that its public face refers to, and no others", async () => {
    assert.match(read("nodes/client/index.d.ts"), /export \{ Client \}/);
    assert.match(read("nodes/client/client.d.ts"), /options: Options/);
    assert.doesNotMatch(read("nodes/client/client.d.ts"), /forOurselves|hidden/);
    assert.match(read("nodes/client/types/options.d.ts"), /text: string/);
    assert.ok(existsSync(at("nodes/client/hidden.js")));
    for (const name of ["client/hidden", "one", "folder/two"])
      assert.equal(existsSync(at(`nodes/${name}.d.ts`)), false);
  });

  it("has nothing to say where nothing has changed", async () => {
    assert.equal(await build(), "");
  });

  it("makes anew what was deleted, changed or replaced by another branch's build", async () => {
    rmSync(at("nodes/folder/two.js"));
    write("nodes/one.js", "// of another branch\n");
    rmSync(at("resources/forms.js"));
    rmSync(at("nodes/icons"), { recursive: true });
    rmSync(at("nodes/mcp/sbom.json"));
    rmSync(at("nodes/client/index.d.ts"));
    write("nodes/client/client.d.ts", "// of another branch\n");
    await build();
    assert.match(read("nodes/client/index.d.ts"), /Client/);
    assert.match(read("nodes/client/client.d.ts"), /options/);
    assert.match(read("nodes/folder/two.js"), /exports\.two = 2/);
    assert.match(read("nodes/one.js"), /exports\.one = 1/);
    assert.ok(existsSync(at("resources/forms.js")) && existsSync(at("nodes/icons/icon.svg")));
    assert.ok(existsSync(at("nodes/mcp/sbom.json")));
  });

  it("removes what it has made of sources that are gone, and nothing else", async () => {
    rmSync(at("src/folder"), { recursive: true });
    write("resources/main.js", "// of an older build\n");
    write("src/client/client.ts", "export class Client {}\n");
    await build();
    assert.equal(existsSync(at("nodes/client/types")) && existsSync(at("nodes/client/types/options.d.ts")), false);
    assert.equal(existsSync(at("nodes/folder")), false);
    assert.equal(existsSync(at("resources/main.js")), false);
    assert.ok(existsSync(at("nodes/one.html")) && existsSync(at("resources/forms.css")));
  });

  it("sees a change whatever the file's time says", async () => {
    write("src/one.ts", "export const one = 11;\n");
    write("src/editor/text.ts", 'export const text = "second";\n');
    for (const name of ["src/one.ts", "src/editor/text.ts"]) utimesSync(at(name), 0, 0);
    await build();
    assert.match(read("nodes/one.js"), /exports\.one = 11/);
    assert.match(read("resources/validators.js"), /second/);
  });

  for (const [what, file, wrong] of [
    ["code", "src/one.ts", "export const one: string = 1;\n"],
    ["scripts of the editor", "src/editor/text.ts", "export const text = ;\n"],
  ] as const) {
    it(`fails for ${what} that cannot be, as often as it is asked, until it is right again`, async () => {
      const right = read(file);
      write(file, wrong);
      for (let i = 0; i < 2; i++) await assert.rejects(build(), new RegExp(`${path.basename(file)}[\\s\\S]*1`));
      write(file, right);
      assert.match(await build(), /Built in/);
      assert.equal(await build(), "");
    });
  }
});

describe("the check of Node.js", () => {
  const check = (version: string) =>
    run(
      process.execPath,
      [
        "-e",
        `Object.defineProperty(process.versions, "node", { value: "${version}" }); require("./dev/check-node.cjs")`,
      ],
      {
        cwd: root,
      },
    );

  for (const version of ["16.20.2", "18.20.8", "20.18.1", "21.7.3", "22.11.0"]) {
    it(`says which one is needed in place of ${version}`, async () => {
      await assert.rejects(check(version), ({ code, stderr }: { code: number; stderr: string }) => {
        assert.equal(code, 1);
        assert.match(
          stderr,
          new RegExp(`^Node\\.js ${version} is too old .* it needs 20\\.19 or 22\\.12, or a later version\\.\n$`),
        );
        return true;
      });
    });
  }
  for (const version of ["20.19.0", "20.20.2", "22.12.0", "23.0.0", "24.21.0"]) {
    it(`takes ${version}`, async () => {
      assert.deepEqual(await check(version), { stdout: "", stderr: "" });
    });
  }

  it("comes first in everything that builds", () => {
    const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
    for (const name of ["build", "start", "dev", "demo"])
      assert.match(scripts[name], /^node -r \.\/dev\/check-node\.cjs /, name);
    for (const [name, script] of Object.entries<string>(scripts)) {
      if (name.startsWith("test") && name !== "test:compat") assert.match(script, /run -s build|check-node/, name);
      // cmd.exe supports neither single quotes nor variables before a command.
      assert.doesNotMatch(script, /'|^\w+=/, name);
    }
  });
});
