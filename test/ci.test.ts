import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./support/root";
import { parseYaml } from "./support/yaml";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const pkg = JSON.parse(read("package.json"));

/** Returns what a pattern's group finds in a text, each value once. */
const all = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, found = ""]) => found)),
];

describe("the CI", () => {
  const workflow = read(".github/workflows/ci.yml");
  const steps = read(".ci/steps");
  const compat = read("dev/compat.ts");
  const other = /const NODE_RED = "~(\d+\.\d+)/.exec(compat)?.[1];
  const versions = all(/const NODE_VERSIONS.*?;\n/s.exec(compat)?.[0] ?? "", /"?(\d{2})"?:? ?(?=\[|,|\]|")/g);

  it("runs steps that can be tried here, on each system", () => {
    assert.deepEqual(all(workflow, /run: bash (\S+)/g), [".ci/packages", ".ci/steps"]);
    for (const file of [".ci/packages", ".ci/steps"]) assert.ok(read(".ci/run").includes(`bash ${file}`), file);
    for (const name of all(workflow, /step: (\w+)/g)) assert.match(steps, new RegExp(`^  ${name}\\)$`, "m"));
    for (const name of ["Linux x64", "Linux arm64", "Windows", "macOS"])
      assert.ok(workflow.includes(`name: ${name},`), name);
  });

  it("calls scripts that there are", () => {
    const scripts = all(steps, /npm (?:run )?(?!install|audit|sbom|publish)([\w:]+)/g);
    assert.deepEqual(scripts, ["test", "check", "test:compat"]);
    for (const name of scripts) assert.ok(name in pkg.scripts, name);
  });

  it("looks for known holes, lists what is in the package, and tries the publication", () => {
    const step = /^ {2}package\)\n(.*?);;/ms.exec(steps)?.[1] ?? "";
    for (const command of ["npm audit --omit=dev", "npm sbom ", "npm publish --dry-run"]) {
      assert.ok(step.includes(command), command);
    }
    assert.match(workflow, /^ +- run: bash \.ci\/steps package$/m);
  });

  it("publishes a tag with provenance, after the same step, and gives no job more rights than it needs", () => {
    const release = parseYaml(read(".github/workflows/release.yml"));
    assert.deepEqual(release.on, { push: { tags: ["v*"] } });
    assert.deepEqual(release.permissions, { contents: "read" });
    assert.deepEqual(Object.keys(release.jobs), ["publish"]);
    const { permissions, steps: ran } = release.jobs.publish;
    assert.deepEqual(permissions, { contents: "read", "id-token": "write" });
    const commands: string[] = ran.flatMap(({ run }: { run?: string }) => run ?? []);
    const at = (text: string) => commands.findIndex((command) => command.includes(text));
    const publish = at("npm publish --provenance --access public");
    assert.ok(at("GITHUB_REF_NAME") >= 0 && at("bash .ci/steps package") >= 0);
    assert.equal(publish, commands.length - 1);
    const withToken = ran.filter((step: object) => JSON.stringify(step).includes("NPM_TOKEN"));
    assert.deepEqual(withToken, [ran.find(({ run }: { run?: string }) => run === commands[publish])]);
  });

  it("has the oldest Node.js that the package allows, and the versions of `npm run test:compat`", () => {
    const oldest = /\d+/.exec(pkg.engines.node)?.[0] ?? "";
    assert.deepEqual(all(workflow, /node-version: (\d+)/g), [oldest]);
    assert.deepEqual(all(workflow, /container: "node:(\d+)/g), [oldest]);
    assert.deepEqual(all(workflow, /name: "(Node\.js \d+), .*step: test/g), [`Node.js ${oldest}`]);
    assert.ok(versions.length > 1, "the versions were found");
    const names = versions.map((version) => `Node.js ${version}, Node-RED ${other}", step: compat ${version}`);
    assert.deepEqual(all(workflow, /name: "(.*compat \d+)/g), names);
  });

  it("has the Node-RED of the development dependencies", () => {
    const own = /\d+\.\d+/.exec(pkg.devDependencies["node-red"])?.[0];
    // The copies of `npm run test:compat` contain another Node-RED.
    if (own !== other) assert.deepEqual(all(workflow, /Node-RED (\S+)", step: test/g), [own]);
  });

  it("runs on Windows: no line ends, file names or scripts that only a Unix has", () => {
    assert.match(read(".gitattributes"), /^\* text=auto eol=lf$/m);
    for (const [name, script] of Object.entries(pkg.scripts as Record<string, string>)) {
      assert.doesNotMatch(
        script.replace(/"([^"\\]|\\.)*"/g, ""),
        /[';$`|]|\b(rm|cp|mv|export|cat)\b|^\.\/|&& \.\//,
        name,
      );
    }
    for (const folder of ["examples", "docs", "icons", "dev", "src", "test", "nodes", ".github", ".ci"]) {
      for (const file of readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })) {
        const parts = file.split(path.sep);
        assert.ok(!parts.some((part) => /[<>:"|?*\\]|[ .]$|^(con|prn|aux|nul)(\.|$)/i.test(part)), file);
      }
    }
  });
});
