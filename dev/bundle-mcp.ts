import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Metafile } from "esbuild";

/**
 * Bundles the MCP client, so that nothing is installed at run time and Node-RED loads one file. Beside it lie the licences of
 * what is in it (`THIRD-PARTY.md`) and a list of it as CycloneDX JSON (`sbom.json`).
 */

const root = path.join(__dirname, "..");
/** The folder of the bundle in the package. */
export const MCP_FOLDER = "nodes/mcp";
export const MCP_FILES = ["client.js", "THIRD-PARTY.md", "sbom.json"].map((name) => `${MCP_FOLDER}/${name}`);
/** Name of the property in the SBOM with the hash of the lock file that the bundle was made from. */
export const LOCK_PROPERTY = "package-lock.json:sha256";

/** A package whose code is in the bundle. */
export interface BundledPackage {
  name: string;
  version: string;
  licence: string;
  /** Text of the licence. */
  text: string;
}

export async function bundleMcp(): Promise<void> {
  const { build } = await import("esbuild");
  const shims = path.join(root, "dev/mcp-client/shims.ts");
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["dev/mcp-client/index.ts"],
    outfile: MCP_FILES[0] ?? "",
    bundle: true,
    minify: true,
    platform: "node",
    format: "cjs",
    target: "node20.18",
    legalComments: "none",
    banner: { js: "/* Licences: THIRD-PARTY.md */" },
    metafile: true,
    logLevel: "warning",
    plugins: [
      {
        name: "shims",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^@modelcontextprotocol\/client\/_shims$/ }, () => ({ path: shims })),
      },
    ],
  });
  const packages = bundledPackages(metafile);
  mkdirSync(path.join(root, MCP_FOLDER), { recursive: true });
  writeFileSync(path.join(root, MCP_FOLDER, "THIRD-PARTY.md"), licences(packages));
  writeFileSync(path.join(root, MCP_FOLDER, "sbom.json"), `${JSON.stringify(sbom(packages), null, 2)}\n`);
}

/** Returns the hash of the lock file, whatever the line ends of the checkout. */
export function lockHash(): string {
  const file = path.join(root, "package-lock.json");
  const text = existsSync(file) ? readFileSync(file, "utf8").replaceAll("\r\n", "\n") : "";
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Finds the packages in a bundle: those that esbuild read, and those that are inside of their files already, which the source
 * maps name.
 */
export function bundledPackages({ outputs }: Metafile): BundledPackage[] {
  const found = new Map<string, BundledPackage>();
  const add = (item: BundledPackage): void => void found.set(`${item.name}@${item.version}`, item);
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  for (const [file, { bytesInOutput }] of inputs) {
    if (bytesInOutput === 0) continue;
    const [, folder, name] = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(file) ?? [];
    if (folder === undefined || name === undefined) continue;
    add(readPackage(path.resolve(root, folder), name));
    for (const inner of innerPackages(path.resolve(root, file))) add(inner);
  }
  return [...found.values()].sort(
    (a, b) => a.name.localeCompare(b.name, "en") || a.version.localeCompare(b.version, "en"),
  );
}

function readPackage(folder: string, name: string, version?: string): BundledPackage {
  const pkg = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  if (typeof pkg.license !== "string" || file === undefined) throw new Error(`${name} has no licence.`);
  const text = readFileSync(path.join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
  return { name, version: version ?? pkg.version, licence: pkg.license, text };
}

/** Reads the packages whose code a package has in its own files, as pnpm writes them in source maps. */
function innerPackages(file: string): BundledPackage[] {
  const map = `${file}.map`;
  if (!existsSync(map)) return [];
  const sources: string[] = JSON.parse(readFileSync(map, "utf8")).sources;
  const names = sources.flatMap((source) => /node_modules\/\.pnpm\/([^/]+)/.exec(source)?.[1] ?? []);
  return [...new Set(names)].map((entry) => {
    const [, written = "", version = ""] = /^(@?[^@]+)@([^_(]+)/.exec(entry) ?? [];
    const name = written.replace("+", "/");
    // The licence does not come with the code, but is that of any version.
    return readPackage(path.join(root, "node_modules", name), name, version);
  });
}

function licences(packages: BundledPackage[]): string {
  const head = "# Code of others in client.js\n\n`client.js` is made of these packages. Their licences follow.\n";
  const table = packages.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`);
  const texts = packages.map(({ name, version, text }) => `## ${name} ${version}\n\n\`\`\`text\n${text}\n\`\`\`\n`);
  return [head, "| package | version | licence |\n| --- | --- | --- |", `${table.join("\n")}\n`, ...texts].join("\n");
}

/** Makes the list as https://cyclonedx.org/docs/1.6/json/ describes it. */
function sbom(packages: BundledPackage[]): object {
  const { name, version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: { type: "file", name: `${name}/${MCP_FILES[0]}`, version },
      properties: [{ name: LOCK_PROPERTY, value: lockHash() }],
    },
    components: packages.map(({ name, version, licence }) => ({
      type: "library",
      name,
      version,
      purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
      licenses: [{ license: { id: licence } }],
    })),
  };
}
