import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CLIENT_SUMMARIES } from "../src/client/errors/summaries";
import { CLIENT_ERRORS } from "../src/client/errors/table";
import { CONVERSATION_ERRORS, CONVERSATION_SUMMARIES } from "../src/conversation/errors";
import { NODE_RED_ERRORS, NODE_RED_SUMMARIES, REWORDED } from "../src/node-red/errors";
import { NOTICES } from "../src/node-red/notices";
import { dashboardFlow, exampleFiles } from "./examples";
import { fillFlow, writeFields } from "./generate-fields";
import { packageRoot } from "./node-red";

/**
 * Writes what is made from something else: the loader of scripts and the fields (`src/shared`) in the html of the nodes, the
 * fields that examples lack, the English of errors and notices from the tables of the layers, and in every language the keys
 * of the English catalogues, in their order. A text that a language does not have yet is the English one, and is noted in
 * `test/fixtures/languages/pending.json` for whoever translates it.
 *
 *     npm run generate             writes
 *     npm run generate -- --check  writes nothing and fails if something is stale
 */

/** A catalogue of texts in i18next's format: texts, and groups of them. */
interface Catalogue {
  [key: string]: string | Catalogue;
}

const locales = path.join(packageRoot, "nodes/locales");
const pendingFile = path.join(packageRoot, "test/fixtures/languages/pending.json");
const ENGLISH = "en-US";
/** The language that is written by hand together with English, so nothing is filled in. */
const BY_HAND = "de";
const NODES = ["huggingface-config", "huggingface-chat", "huggingface-tool", "huggingface-mcp"];

const isCheck = process.argv.includes("--check");
const stale: string[] = [];

function main(): void {
  const pending = new Set<string>(readJson(pendingFile) as string[]);
  const known = new Set<string>();
  for (const node of NODES) {
    const english = readCatalogue(ENGLISH, node);
    if (node === "huggingface-chat") {
      const texts = english[node] as Catalogue;
      texts.errors = errorSentences(texts.errors as Catalogue);
      texts.summary = { ...CLIENT_SUMMARIES, ...CONVERSATION_SUMMARIES, ...NODE_RED_SUMMARIES };
      texts.notice = NOTICES;
    }
    write(catalogueFile(ENGLISH, node), english);
    for (const language of readdirSync(locales)) {
      if (language === ENGLISH) continue;
      const translated = readCatalogue(language, node);
      const note = language === BY_HAND ? missing : (name: string) => pending.add(name);
      write(catalogueFile(language, node), translate(english, translated, `${node}.json `, note, known));
    }
  }
  const left = [...pending].filter((name) => !name.includes(".json ") || known.has(name));
  write(pendingFile, left.sort());
  for (const node of NODES) {
    const html = path.join(packageRoot, `nodes/${node}.html`);
    rewrite(html, (text) => writeFields(node, copyLoader(text), hasText(readCatalogue(ENGLISH, node), node)));
  }
  for (const file of [...exampleFiles(), dashboardFlow]) rewrite(file, fillFlow);
  if (stale.length === 0) return;
  if (!isCheck) console.log(`Written: ${stale.join(", ")}`);
  else throw new Error(`Stale: ${stale.join(", ")}. Run: npm run generate`);
}

/** Every html needs the loader, since any node may be disabled without the others. */
function copyLoader(html: string): string {
  const loader = readFileSync(path.join(packageRoot, "src/editor/loader.js"), "utf8");
  return html.replace(/^( *)\/\/ <loader>\n[\s\S]*?\n *(?=\/\/ <\/loader>)/m, (_, indent: string) => {
    const lines = loader.replace(/^(?=.)/gm, indent);
    return `${indent}// <loader>\n${lines}${indent}`;
  });
}

/** True for keys below the name of the node that have a text. */
function hasText(catalogue: Catalogue, node: string): (key: string) => boolean {
  return (key) => {
    const path = [node, ...key.split(".")];
    const found = path.reduce<string | Catalogue | undefined>(
      (group, name) => (isGroup(group) ? group[name] : undefined),
      catalogue,
    );
    return typeof found === "string";
  };
}

/** Returns the sentences of all layers in the order of the catalogue, new ones last. */
function errorSentences(before: Catalogue): Catalogue {
  const groups = [CLIENT_ERRORS, CONVERSATION_ERRORS, NODE_RED_ERRORS].flatMap((table) => Object.values(table));
  const sentences: Record<string, string> = Object.assign({}, ...groups, REWORDED);
  const known = Object.keys(before).filter((key) => key in sentences);
  const added = Object.keys(sentences).filter((key) => !(key in before));
  return Object.fromEntries([...known, ...added].map((key) => [key, sentences[key] ?? ""]));
}

/** Returns the English catalogue with a translation's texts, if they have the same parameters. */
function translate(
  english: Catalogue,
  translated: Catalogue,
  prefix: string,
  note: (name: string) => void,
  known: Set<string>,
): Catalogue {
  const result: Catalogue = {};
  for (const [key, text] of Object.entries(english)) {
    const name = `${prefix}${key}`;
    const own = translated[key];
    if (typeof text !== "string") {
      result[key] = translate(text, isGroup(own) ? own : {}, `${name}.`, note, known);
      continue;
    }
    known.add(name);
    if (typeof own === "string" && parameters(own) === parameters(text)) {
      result[key] = own;
    } else {
      result[key] = text;
      note(name);
    }
  }
  return result;
}

function isGroup(value: unknown): value is Catalogue {
  return typeof value === "object" && value !== null;
}

function missing(name: string): never {
  throw new Error(`${BY_HAND} lacks ${name}, or has other parameters in it. Write it by hand.`);
}

function parameters(text: string): string {
  return (text.match(/__\w+__/g) ?? []).sort().join();
}

function catalogueFile(language: string, node: string): string {
  return path.join(locales, language, `${node}.json`);
}

function readCatalogue(language: string, node: string): Catalogue {
  return readJson(catalogueFile(language, node)) as Catalogue;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

function write(file: string, value: unknown): void {
  writeText(file, `${JSON.stringify(value, null, 2)}\n`);
}

function rewrite(file: string, change: (text: string) => string): void {
  writeText(file, change(readFileSync(file, "utf8")));
}

function writeText(file: string, text: string): void {
  if (readFileSync(file, "utf8") === text) return;
  stale.push(path.relative(packageRoot, file));
  if (!isCheck) writeFileSync(file, text);
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
