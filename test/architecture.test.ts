import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { root } from "./support/root";

/** Each layer with the layers that it may import. The nodes themselves, in `src`, may import all but the editor. */
const LAYERS: Record<string, readonly string[]> = {
  shared: [],
  client: ["shared"],
  conversation: ["client", "shared"],
  "node-red": ["client", "conversation", "shared"],
  editor: ["shared"],
  "": ["client", "conversation", "node-red", "shared"],
};
/** Packages that a layer must not import; `*` is all packages and Node's own modules. */
const FORBIDDEN: Record<string, RegExp> = {
  shared: /./,
  client: /^node-red$|^@node-red\//,
  conversation: /^node-red$|^@node-red\/|^undici$|^node:https?2?$/,
  editor: /^node-red$|^@node-red\/|^node:/,
};
/** The one file of the client that the layers above import, types included. */
const CLIENT_FACE = "client/internal.ts";
/** Names that mean the same in each layer: its public face, its errors, its view of Node-RED, its side of the routes. */
const SAME_DUTY = ["index.ts", "types.ts", "errors.ts", "red.ts", "admin-api.ts"];
const LONGEST_FILE = 300;

/** The imports of each file, as written in it. */
type Sources = Map<string, string[]>;

const src = path.join(root, "src");
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => /\.(ts|js)$/.test(file));
const textOf = (file: string) => readFileSync(path.join(src, file), "utf8");
const sources: Sources = new Map(files.map((file) => [file, importsOf(textOf(file))]));

/** Finds all imports of a source: types, `require` and `import()`, also in types. */
function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function layerOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : "";
}

/** Returns the file of ours that an import refers to; undefined for a package and for our `package.json`. */
function target(file: string, specifier: string, all: Sources): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const found = path.posix.join(path.posix.dirname(file), specifier);
  if (found === "../package.json") return undefined;
  const candidates = [found, `${found.replace(/\.js$/, "")}.ts`, `${found}/index.ts`];
  const known = candidates.find((candidate) => all.has(candidate));
  assert.ok(known, `${file} imports ${specifier}, which is not there`);
  return known;
}

function targets(file: string, all: Sources): string[] {
  return (all.get(file) ?? []).flatMap((specifier) => target(file, specifier, all) ?? []);
}

/** Finds imports that their layer must not have. */
function trespasses(all: Sources): string[] {
  return [...all].flatMap(([file, specifiers]) => {
    const from = layerOf(file);
    return specifiers
      .filter((specifier) => {
        const to = target(file, specifier, all);
        if (to === undefined) return FORBIDDEN[from]?.test(specifier);
        if (layerOf(to) === from) return false;
        return !LAYERS[from]?.includes(layerOf(to)) || (layerOf(to) === "client" && to !== CLIENT_FACE);
      })
      .map((specifier) => `${file} imports ${specifier}`);
  });
}

/** Finds one cycle of imports, as its files in order; undefined without a cycle. */
function findCycle(all: Sources): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, way: string[]): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of targets(file, all)) {
      const cycle = visit(next, [...way, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of all.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/** Finds names that several files share although their purposes differ. */
function sharedNames(all: Iterable<string>): string[] {
  const names = [...all].map((file) => path.posix.basename(file)).filter((name) => !SAME_DUTY.includes(name));
  return names.filter((name, index) => names.indexOf(name) < index);
}

describe("the architecture", () => {
  it("has layers that import only what is below them", () => {
    assert.ok(files.length > 100);
    assert.deepEqual(new Set(files.map(layerOf)), new Set(files.map(layerOf).filter((layer) => layer in LAYERS)));
    assert.deepEqual(trespasses(sources), []);
  });

  it("has no cycle of imports", () => assert.equal(findCycle(sources), undefined));

  it("has no two files of one name with different duties", () => assert.deepEqual(sharedNames(files), []));

  it("has files that fit on a few screens", () => {
    const lines = (file: string) => textOf(file).split("\n").length - 1;
    assert.deepEqual(
      files.filter((file) => lines(file) > LONGEST_FILE),
      [],
    );
  });

  it("has all casts for Node-RED's types in node-red/red.ts", () => {
    const ofNodes = files.filter((file) => layerOf(file) === "node-red" || layerOf(file) === "");
    const withCasts = ofNodes.filter((file) => /\bas never\b|\bas unknown as\b|\.nodes\.getNode\(/.test(textOf(file)));
    assert.deepEqual(withCasts, ["node-red/red.ts"]);
  });

  it("listens for aborts in client/until-abort.ts alone, but for the browser and for an exchange, where a file less counts", () => {
    const isListening = (file: string) => textOf(file).includes('EventListener("abort"');
    const listening = files.filter((file) => layerOf(file) !== "editor" && isListening(file));
    assert.deepEqual(listening.sort(), ["client/response/exchange.ts", "client/until-abort.ts"]);
  });
});

describe("the test of the architecture", () => {
  const made = (files: Record<string, string>): Sources =>
    new Map(Object.entries(files).map(([file, text]) => [file, importsOf(text)]));

  it("sees every kind of import", () => {
    const text = `
      import a, { b } from "./a";
      import type { B } from "./b";
      export { c } from "./c";
      export type { D } from "./d";
      const e = require("./e");
      const f = load((): typeof import("./f") => require("./g"));
      type H = import("./h").H;`;
    assert.deepEqual(
      [...new Set(importsOf(text))].sort(),
      ["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => `./${name}`),
    );
  });

  it("finds a cycle, also one of types alone", () => {
    const cycle = made({
      "client/a.ts": `import { b } from "./b";`,
      "client/b.ts": `import type { C } from "./deep/c";`,
      "client/deep/c.ts": `type A = import("../a").A;`,
    });
    assert.deepEqual(findCycle(cycle), ["client/a.ts", "client/b.ts", "client/deep/c.ts", "client/a.ts"]);
    assert.equal(findCycle(made({ "client/a.ts": `import { b } from "./b";`, "client/b.ts": "" })), undefined);
  });

  it("finds imports upwards, past the client's face, and of what a layer must not know", () => {
    const files = {
      "client/internal.ts": "",
      "client/client.ts": `import { tools } from "../conversation/tools";`,
      "conversation/tools.ts": `import { ChatClient } from "../client/client"; import { request } from "undici";`,
      "conversation/json/schema.ts": `import type { Server } from "node:http"; import { asText } from "../../client/internal";`,
      "node-red/session.ts": `import { tools } from "../conversation/tools"; import type { Node } from "node-red";`,
      "editor/main.ts": `import { tools } from "../conversation/tools.js";`,
      "shared/field.ts": `import type { Node } from "node-red";`,
    };
    assert.deepEqual(trespasses(made(files)), [
      "client/client.ts imports ../conversation/tools",
      "conversation/tools.ts imports ../client/client",
      "conversation/tools.ts imports undici",
      "conversation/json/schema.ts imports node:http",
      "editor/main.ts imports ../conversation/tools.js",
      "shared/field.ts imports node-red",
    ]);
  });

  it("finds two files of one name", () => {
    assert.deepEqual(sharedNames(["client/index.ts", "a/index.ts", "client/list.ts", "editor/list.ts"]), ["list.ts"]);
  });
});
