import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { bundledPackages, LOCK_PROPERTY, lockHash, MCP_FILES } from "../dev/bundle-mcp";
import { root } from "./support/root";

const at = (name: string) => path.join(root, name);
const read = (name: string) => readFileSync(at(name), "utf8");

interface Sbom {
  metadata: { properties: { name: string; value: string }[] };
  components: { name: string; version: string; purl: string; licenses: { license: { id: string } }[] }[];
}
const sbom: Sbom = JSON.parse(read("nodes/mcp/sbom.json"));

/** In bytes. */
const LARGEST_BUNDLE = 600 * 1024;

describe("the bundle of the MCP client", () => {
  it("is small, and there with all that belongs to it", () => {
    for (const file of MCP_FILES) assert.ok(existsSync(at(file)), file);
    assert.ok(statSync(at("nodes/mcp/client.js")).size <= LARGEST_BUNDLE);
    assert.doesNotMatch(read("nodes/mcp/client.js"), /sourceMappingURL/);
  });

  it("is made from the lock file that is here: run `npm run build` where it is not", () => {
    const { value } = sbom.metadata.properties.find(({ name }) => name === LOCK_PROPERTY) ?? {};
    assert.equal(value, lockHash());
  });

  it("needs nothing but Node.js", () => {
    const wanted = [...read("nodes/mcp/client.js").matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name = ""]) => name);
    assert.deepEqual(
      wanted.filter((name) => !/^(node:)?(process|crypto|stream|events|url|util|buffer)$/.test(name)),
      [],
    );
  });

  it("comes with name, version and licence of every package in it, in a list for people and one for machines", () => {
    const licences = read("nodes/mcp/THIRD-PARTY.md");
    const lock = JSON.parse(read("package-lock.json")).packages;
    const names = sbom.components.map(({ name }) => name);
    for (const name of ["@modelcontextprotocol/client", "@modelcontextprotocol/core", "zod", "content-type"]) {
      assert.ok(names.includes(name), name);
    }
    for (const { name, version, licenses } of sbom.components) {
      const id = licenses[0]?.license.id ?? "";
      assert.match(id, /^(MIT|Apache-2\.0|ISC|BSD-[23]-Clause)$/, name);
      assert.ok(licences.includes(`| ${name} | ${version} | ${id} |`), name);
      assert.match(licences.split(`## ${name} ${version}\n`)[1] ?? "", /^\n```text\n[^`]{400}/, name);
      // Those inside of another package's files have versions of their own.
      if (name !== "content-type") assert.equal(lock[`node_modules/${name}`]?.version, version, name);
    }
  });

  it("cannot have a package without a name: what has no licence fails the build", () => {
    const output = (file: string) => ({
      inputs: {},
      outputs: { "client.js": { bytes: 1, inputs: { [file]: { bytesInOutput: 1 } }, imports: [], exports: [] } },
    });
    assert.throws(() => bundledPackages(output("node_modules/no-such-package/index.js")), /no-such-package/);
    const [zod] = bundledPackages(output("node_modules/zod/v4/index.js"));
    assert.equal(zod?.name, "zod");
    assert.equal(zod?.licence, "MIT");
  });

  it("has no package inside of another one that its source maps name and the list lacks", () => {
    const dist = at("node_modules/@modelcontextprotocol/client/dist");
    const bundle = read("nodes/mcp/client.js");
    const inner = readdirSync(dist)
      .filter((file) => file.endsWith(".mjs.map"))
      .flatMap((file): string[] => JSON.parse(readFileSync(path.join(dist, file), "utf8")).sources)
      .flatMap((source) => /node_modules\/\.pnpm\/(@?[^@]+)@/.exec(source)?.[1]?.replace("+", "/") ?? []);
    const known = new Set(sbom.components.map(({ name }) => name));
    // The package's own validators are left out, and with it all that they need.
    assert.deepEqual([...new Set(inner)].filter((name) => !known.has(name)).sort(), [
      "@cfworker/json-schema",
      "ajv",
      "ajv-formats",
      "fast-deep-equal",
      "fast-uri",
      "json-schema-traverse",
    ]);
    assert.doesNotMatch(bundle, /ajv|cfworker|json-schema-traverse/i);
  });
});
