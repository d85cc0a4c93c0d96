import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { bundleMcp, MCP_FILES, MCP_FOLDER } from "./bundle-mcp";

/**
 * Makes what Node-RED, its editor and scripts load: `src` compiled to `nodes`, the icons and the declarations of the client
 * beside it, the MCP client in `nodes/mcp`, and the two scripts of `src/editor` in `resources`. Recognizes the output of
 * earlier builds by its content and not by times, which other branches, copies and tools change. Whatever was deleted,
 * changed or built from something else is rebuilt.
 *
 *     npm run build
 */

const root = path.join(__dirname, "..");
const at = (name: string): string => path.join(root, name);

/** The state of the build and the compiler; not in Git, and not packed. */
const notes = at(".build/notes.json");
const compilerNotes = at(".build/tsc.tsbuildinfo");

const compiler = at("node_modules/typescript/bin/tsc");
/** For the compiler, whether it runs once or watches. */
export const compilerOptions = ["--project", at("src"), "--incremental", "--tsBuildInfoFile", compilerNotes];

/** The module that scripts import. */
const PUBLIC = "client/index";

/** The scripts of the editor: each bundles one file of `src/editor` with its imports. */
const BUNDLES = { validators: "validators-bundle.ts", forms: "forms-bundle.ts" };

/**
 * Builds if something has changed.
 *
 * @param say prints a line of progress; not called if there is nothing to do
 */
export async function build(say: (line: string) => void): Promise<void> {
  const sources = hash(sourceFiles());
  const isKnown = forgetForeignFiles();
  if (isKnown && readNotes().sources === sources) return;
  const started = performance.now();
  say("Building …");
  rmSync(notes, { force: true });
  await Promise.all([compile(), bundle(), bundleMcp(), declare()]);
  finish(sources);
  say(`Built in ${seconds(started)} s.`);
}

export function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

/**
 * Clears the compiler's state if its output has changed since.
 *
 * @returns true if the output is unchanged
 */
export function forgetForeignFiles(): boolean {
  if (readNotes().built === hash(builtFiles())) return true;
  rmSync(compilerNotes, { force: true });
  return false;
}

/** Makes the scripts of the editor. */
export async function bundle(): Promise<void> {
  const { build } = await import("esbuild");
  await build({
    entryPoints: Object.entries(BUNDLES).map(([out, file]) => ({ in: at(`src/editor/${file}`), out })),
    outdir: at("resources"),
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  });
}

/**
 * Makes the declarations of the client's public API: only those that `index.d.ts` refers to, without what is marked
 * `@internal`, so that they need no types of other packages.
 */
async function declare(): Promise<void> {
  const { default: ts } = await import("typescript");
  const fail = (problem: import("typescript").Diagnostic): never => {
    throw new Error(`The build failed: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`);
  };
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail };
  const config = ts.getParsedCommandLineOfConfigFile(at("src/tsconfig.json"), {}, host);
  const only = { declaration: true, emitDeclarationOnly: true, stripInternal: true };
  const program = ts.createProgram([at(`src/${PUBLIC}.ts`)], { ...config?.options, ...only });
  const declarations = new Map<string, string>();
  const keep = (file: string, text: string): void => void declarations.set(path.resolve(file), text);
  program.emit(undefined, keep, undefined, true).diagnostics.forEach(fail);

  for (const file of files("nodes")) if (file.endsWith(".d.ts")) rmSync(at(file));
  const write = (file: string): void => {
    const text = declarations.get(file);
    if (text === undefined) return;
    declarations.delete(file);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      write(path.resolve(path.dirname(file), `${fileName}.d.ts`));
    }
  };
  write(at(`nodes/${PUBLIC}.d.ts`));
}

/**
 * Does what remains after compiler and bundler, and records the result.
 *
 * @param sources the hash of their inputs; without it, the next build rebuilds everything
 */
export function finish(sources = ""): void {
  cpSync(at("icons"), at("nodes/icons"), { recursive: true });
  removeLeftovers();
  mkdirSync(path.dirname(notes), { recursive: true });
  writeFileSync(notes, JSON.stringify({ sources, built: hash(builtFiles()) }));
}

async function compile(): Promise<void> {
  // Its output goes to stderr, since stdout may be the list of packed files.
  const child = spawn(process.execPath, [compiler, ...compilerOptions], { cwd: root, stdio: ["ignore", 2, 2] });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error("The build failed: the compiler has found mistakes.");
}

/** Removes the output of sources that no longer exist. */
function removeLeftovers(): void {
  const compiled = files("src")
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts") && !file.startsWith("src/editor/"))
    .flatMap((file) => {
      const name = file.replace(/^src\//, "nodes/").replace(/\.ts$/, "");
      return [`${name}.js`, `${name}.d.ts`];
    });
  const icons = files("icons").map((file) => `nodes/${file}`);
  const bundles = Object.keys(BUNDLES).map((name) => `resources/${name}.js`);
  const made = new Set([...compiled, ...icons, ...bundles, ...MCP_FILES]);
  for (const file of builtFiles()) {
    if (made.has(file)) continue;
    rmSync(at(file));
    removeEmptyFolders(path.dirname(file));
  }
}

function removeEmptyFolders(folder: string): void {
  if (readdirSync(at(folder)).length > 0) return;
  rmdirSync(at(folder));
  removeEmptyFolders(path.dirname(folder));
}

/** Returns the files that the build reads or that may change its output. */
function sourceFiles(): string[] {
  const tools = ["typescript", "esbuild"].map((name) => `node_modules/${name}/package.json`);
  const build = ["tsconfig.json", "dev/build.ts", "dev/bundle-mcp.ts", ...files("dev/mcp-client"), "package-lock.json"];
  return [...files("src"), ...files("icons"), ...build, ...tools];
}

function builtFiles(): string[] {
  const scripts = [...files("nodes"), ...files("resources")].filter((file) => /\.(js|d\.ts)$/.test(file));
  return [...new Set([...scripts, ...files("nodes/icons"), ...files(MCP_FOLDER)])];
}

/** Returns all files below a folder, relative to the project's root, with slashes. */
function files(folder: string): string[] {
  if (!existsSync(at(folder))) return [];
  return readdirSync(at(folder), { recursive: true, encoding: "utf8" })
    .map((file) => `${folder}/${file.replaceAll(path.sep, "/")}`)
    .filter((file) => statSync(at(file)).isFile())
    .sort();
}

/** Hashes the names and contents of files, which may be missing. */
function hash(names: string[]): string {
  const all = createHash("sha256");
  for (const name of names) {
    const content = existsSync(at(name)) ? readFileSync(at(name)) : "";
    all.update(JSON.stringify([name, content.length])).update(content);
  }
  return all.digest("hex");
}

function readNotes(): { sources?: string; built?: string } {
  try {
    return JSON.parse(readFileSync(notes, "utf8"));
  } catch {
    // The file is missing or incomplete.
    return {};
  }
}

if (require.main === module) {
  build(console.error).catch((error) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
