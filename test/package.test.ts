import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import vm from "node:vm";
import { gzipSync } from "node:zlib";
import { npmCommand } from "../dev/npm";
import { root } from "./support/root";

const pkg = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

/** Checks what users install, and what the Flow Library's scorecard checks offline. */
describe("the package", () => {
  it("has licence, repository, scoped name, keyword and versions", () => {
    assert.equal(pkg.license, "MIT");
    assert.ok(existsSync(path.join(root, "LICENSE")));
    assert.ok(pkg.repository && pkg.bugs);
    assert.match(pkg.name, /^@[a-z\d][\w-.]+\/[a-z\d][\w-.]*$/);
    assert.ok(pkg.keywords.includes("node-red"));
    assert.equal(pkg["node-red"].version, ">=4.0.0");
    assert.equal(pkg.engines.node, ">=20.18.1");
  });

  it("has at most six dependencies, and Node-RED is none of them", () => {
    const names = Object.keys(pkg.dependencies);
    assert.ok(names.length <= 6, names.join());
    assert.equal(names.includes("node-red"), false);
    assert.equal(names.includes("@copilotkit/aimock"), false);
  });

  it("has an example for every node type", () => {
    const folder = path.join(root, "examples");
    const types = readdirSync(folder)
      .filter((file) => file.endsWith(".json"))
      .flatMap((file) => JSON.parse(readFileSync(path.join(folder, file), "utf8")))
      .map((node: { type: string }) => node.type);
    for (const type of Object.keys(pkg["node-red"].nodes)) assert.ok(types.includes(type), type);
  });

  it("keeps download addresses out of the lock file", () => {
    assert.doesNotMatch(readFileSync(path.join(root, "package-lock.json"), "utf8"), /"resolved"/);
  });

  it("packs what Node-RED loads and nothing of the development", () => {
    const [{ files }] = JSON.parse(
      execFileSync(...npmCommand("pack", "--dry-run", "--json", "--ignore-scripts"), {
        cwd: root,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
    const paths: string[] = files.map((file: { path: string }) => file.path);
    for (const type of Object.keys(pkg["node-red"].nodes)) {
      for (const file of [`nodes/${type}.js`, `nodes/${type}.html`, `nodes/locales/en-US/${type}.json`]) {
        assert.ok(paths.includes(file), file);
      }
    }
    assert.ok(paths.includes("nodes/icons/huggingface.svg"));
    for (const name of ["client.js", "THIRD-PARTY.md", "sbom.json"])
      assert.ok(paths.includes(`nodes/mcp/${name}`), name);
    assert.ok(paths.some((file) => file.startsWith("examples/")));
    const resources = paths.filter((file) => file.startsWith("resources/"));
    assert.deepEqual(
      resources.sort(),
      ["forms.css", "forms.js", "validators.js"].map((name) => `resources/${name}`),
    );
    assert.ok(paths.includes("SECURITY.md"));
    assert.ok(paths.includes("docs/reference.md"), "the help links to it");
    const declarations = paths.filter((file) => file.endsWith(".d.ts"));
    assert.ok(declarations.length > 0 && declarations.length <= 8, declarations.join());
    for (const file of declarations) assert.match(file, /^nodes\/client\//);
    const strange = paths.filter(
      (file) =>
        !/^(nodes|examples)\/|^resources\/[\w-]+\.(js|css)$|^(package\.json|README\.md|docs\/reference\.md|LICENSE|(CHANGELOG|SECURITY)\.md)$/.test(
          file,
        ),
    );
    assert.deepEqual(strange, []);
  });

  it("exports the client and its own package.json, to scripts of any age", () => {
    const { "./client": client, "./package.json": itself, ...rest } = pkg.exports;
    assert.deepEqual(rest, {});
    assert.equal(itself, "./package.json");
    // The order of the conditions matters.
    assert.deepEqual(Object.keys(client), ["types", "require", "default"]);
    assert.deepEqual(pkg.typesVersions, { "*": { client: [client.types] } });
    for (const file of Object.values<string>(client)) assert.ok(existsSync(path.join(root, file)), file);
  });

  it("declares the client without types of other packages, and without what is our own", () => {
    const folder = path.join(root, "nodes/client");
    const declarations = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".d.ts"))
      .map((file) => readFileSync(path.join(folder, file), "utf8"));
    const length = declarations.join("").length;
    assert.ok(length > 0 && length < 20_000, `${length} characters`);
    for (const text of declarations) {
      for (const [, name = ""] of text.matchAll(/(?:from|import\() ?"([^"]+)"/g)) assert.match(name, /^\.\.?\//);
      assert.doesNotMatch(text, /@internal|NodeJS\.|: Buffer\b/);
    }
  });

  it("loads one small script when the editor opens, and the other with the first form", () => {
    for (const [name, limit] of [
      ["validators.js", 8_000],
      ["forms.js", 45_000],
    ] as const) {
      const script = readFileSync(path.join(root, "resources", name));
      assert.ok(gzipSync(script).length <= limit, name);
      // An import or a source map would be one more file to fetch.
      assert.doesNotMatch(script.toString(), /\bimport\b|sourceMappingURL/, name);
    }
  });

  it("never makes the editor wait for a script: all html has the same loader and names no script", () => {
    const pages = Object.keys(pkg["node-red"].nodes).map((type) =>
      readFileSync(path.join(root, `nodes/${type}.html`), "utf8"),
    );
    const loaders = pages.map((html) => /\/\/ <loader>[\s\S]*\/\/ <\/loader>/.exec(html)?.[0]);
    assert.ok(loaders[0] && loaders.every((loader) => loader === loaders[0]));
    for (const html of pages) assert.doesNotMatch(html, /<script[^>]*\ssrc=/);
  });

  it("has every validator that the html names", () => {
    const none = () => {};
    const editor: { validators?: Record<string, unknown> } = {};
    const RED = { nodes: { eachConfig: none, eachNode: none } };
    vm.runInNewContext(readFileSync(path.join(root, "resources/validators.js"), "utf8"), {
      RED,
      huggingfaceEditor: editor,
    });
    for (const type of Object.keys(pkg["node-red"].nodes)) {
      const html = readFileSync(path.join(root, `nodes/${type}.html`), "utf8");
      const names = [...html.matchAll(/validate: rules\.(\w+)\(/g)].map(([, name = ""]) => name);
      assert.ok(names.length > 0, type);
      // A missing validator would accept everything.
      assert.deepEqual(
        names.filter((name) => !(name in (editor.validators ?? {}))),
        [],
        type,
      );
    }
  });

  it("has no admin route without a permission", () => {
    const routes = adminRoutes();
    assert.ok(routes.length > 0);
    for (const { method, route, handlers } of routes) {
      // Readers may only name a configuration; values of a form need the right to write.
      const permission = handlers.map((handler) => (handler as { [PERMISSION]?: string })[PERMISSION]).find(Boolean);
      assert.match(permission ?? "", method === "get" ? /^huggingface-\w+\.read$/ : /^huggingface-\w+\.write$/);
      assert.ok(
        handlers.some((handler) => PERMISSION in handler),
        `${method} ${route}`,
      );
    }
  });

  it("loads undici and the MCP client only with the first request, and what answers with the first chat node", () => {
    const script = `
      const none = () => {};
      const auth = { needsPermission: none };
      const RED = { nodes: { registerType: none }, httpAdmin: { get: none, post: none }, events: { on: none }, auth, _: (key) => key };
      for (const type of ${JSON.stringify(Object.keys(pkg["node-red"].nodes))}) require("./nodes/" + type + ".js")(RED);
      console.log(Object.keys(require.cache).some((file) => /\\/node_modules\\/undici\\/|\\/nodes\\/mcp\\/|\\/chat-session\\.|\\/run-question\\.|\\/try-prompt\\./.test(file)));`;
    const output = execFileSync(process.execPath, ["-e", script], { cwd: root, encoding: "utf8" });
    assert.equal(output.trim(), "false");
  });
});

const PERMISSION = Symbol("permission");

interface Route {
  method: string;
  route: string;
  handlers: object[];
}

/** Returns the routes that our nodes add when they are loaded. */
function adminRoutes(): Route[] {
  const routes: Route[] = [];
  const httpAdmin = new Proxy(
    {},
    {
      get:
        (_, method) =>
        (route: string, ...handlers: object[]) =>
          routes.push({ method: String(method), route, handlers }),
    },
  );
  const RED = {
    _: (key: string) => key,
    httpAdmin,
    auth: { needsPermission: (name: string) => Object.assign(() => {}, { [PERMISSION]: name }) },
    events: { on: () => {} },
    nodes: { registerType: () => {} },
  };
  for (const file of Object.values<string>(pkg["node-red"].nodes)) require(path.join(root, file))(RED);
  return routes;
}
