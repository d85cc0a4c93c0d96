import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { npmCommand } from "../dev/npm";

const root = path.join(__dirname, "..");
const pkg = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

/** What the Flow Library's scorecard checks, as far as that can be done offline, and what users install. */
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

  it("has an example for every node type that stands in a flow", () => {
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

  it("packs what Node-RED loads and nothing of the workshop", () => {
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
    assert.ok(paths.some((file) => file.startsWith("examples/")));
    // Without the script that the forms name, the editor would wait for it for ever.
    assert.ok(paths.includes("resources/main.js") && paths.includes("resources/forms.css"));
    assert.ok(paths.includes("SECURITY.md"));
    for (const { imports, file } of editorModules()) {
      for (const imported of imports) assert.ok(paths.includes(`resources/${imported}`), `${file}: ${imported}`);
    }
    const strange = paths.filter(
      (file) =>
        !/^(nodes|examples)\/|^resources\/[\w-]+\.(js|css)$|^(package\.json|README\.md|LICENSE|(CHANGELOG|SECURITY)\.md)$/.test(
          file,
        ),
    );
    assert.deepEqual(strange, []);
  });

  it("has no admin route without a permission", () => {
    const routes = adminRoutes();
    assert.ok(routes.length > 0);
    for (const { method, route, handlers } of routes) {
      // A reader may name a configuration; values of a form are for those who may write.
      const permission = handlers.map((handler) => (handler as { [PERMISSION]?: string })[PERMISSION]).find(Boolean);
      assert.match(permission ?? "", method === "get" ? /^huggingface-\w+\.read$/ : /^huggingface-\w+\.write$/);
      assert.ok(
        handlers.some((handler) => PERMISSION in handler),
        `${method} ${route}`,
      );
    }
  });

  it("loads undici only when the first request needs it", () => {
    const script = `
      const none = () => {};
      const auth = { needsPermission: none };
      const RED = { nodes: { registerType: none }, httpAdmin: { get: none, post: none }, auth, _: (key) => key };
      for (const type of ${JSON.stringify(Object.keys(pkg["node-red"].nodes))}) require("./nodes/" + type + ".js")(RED);
      console.log(Object.keys(require.cache).some((file) => file.includes("/node_modules/undici/")));`;
    const output = execFileSync(process.execPath, ["-e", script], { cwd: root, encoding: "utf8" });
    assert.equal(output.trim(), "false");
  });
});

/** What the editor loads from `resources`, and what each module imports from there. */
function editorModules(): { file: string; imports: string[] }[] {
  const folder = path.join(root, "resources");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".js"))
    .map((file) => {
      const code = readFileSync(path.join(folder, file), "utf8");
      return { file, imports: [...code.matchAll(/ from "\.\/([^"]+)"/g)].map((match) => match[1] as string) };
    });
}

const PERMISSION = Symbol("permission");

interface Route {
  method: string;
  route: string;
  handlers: object[];
}

/** The routes that our nodes add when they are loaded. */
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
    nodes: { registerType: () => {} },
  };
  for (const file of Object.values<string>(pkg["node-red"].nodes)) require(path.join(root, file))(RED);
  return routes;
}
