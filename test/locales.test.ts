/**
 * The translations: as complete as the English texts, with the same parameters, the same help, and the words that
 * Node-RED's own translations use.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { root } from "./support/root";

const LOCALES = join(root, "nodes/locales");
const ENGLISH = "en-US";
const NODES = ["huggingface-config", "huggingface-chat", "huggingface-tool", "huggingface-mcp"];
/** The largest share of texts that may equal the English ones without being listed. */
const LEFT_IN_ENGLISH = 0.02;
/** The share of texts with a Node-RED term in English that have Node-RED's term in the translation; others paraphrase. */
const TERMS_KEPT = 0.8;

/** Words of a help text that fit two screens of the side bar. */
const MOST_WORDS_OF_HELP = 700;

/** Phrases for which the field has a plain word. */
const STUMBLES = [
  /side by side/i, // parallel, at the same time
  /no room/i, // overloaded
  /\bmend/i, // fix
  /default holds/i, // applies
  /so many\b/i, // longest, at most
  /\bwhoever is\b/i, // automatic
  /\bis no (JSON|message|image)\b/i, // is not
  /time-out/i, // timeout
  /\bpictures?\b/i, // image
];

/** What Node-RED's sidebar shows of an error, which begins with the news. */
const HEAD_LENGTH = 30;
/** What the debug node shows of a status: "node status (32 characters)" in Node-RED's own catalogue. */
const STATUS_LENGTH = 32;
/** Languages that put a head before a colon, as English does. */
const WITH_HEADS = ["de", "es-ES", "fr", "pt-BR", "ru"];
/** What fills the places of a short line: as short as it mostly is. */
const SHORT: Record<string, string> = {
  amount: "500",
  count: "451",
  megabytes: "16",
  name: "msg.topic",
  needed: "20.18.1",
  property: "msg.topic",
  reason: "length",
  seconds: "12",
  status: "401",
};

/** Scripts of languages whose texts cannot look like English. */
const SCRIPTS: Record<string, RegExp> = {
  ja: /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u,
  ko: /\p{Script=Hangul}/u,
  ru: /\p{Script=Cyrillic}/u,
  "zh-CN": /\p{Script=Han}/u,
  "zh-TW": /\p{Script=Han}/u,
};

/** Languages whose own order of words puts the news of a sentence last, and the colon or full stop that ends a head in them. */
const NEWS_LAST: Record<string, RegExp> = {
  ja: /[:(。]/,
  ko: /[:(]|\.(?=\s|$)/,
  "zh-CN": /[：（。]/,
  "zh-TW": /[：（。]/,
};
/** The widest head of an error, in full-width characters. */
const HEAD_WIDTH = 16;

/** A language's file in `test/fixtures/languages`. */
interface Language {
  /** Texts that are the same as in English. */
  same: string[];
  /** Node-RED's own words, as regular expressions that match their stems. */
  terms: Record<"node" | "flow" | "message" | "deploy", string>;
}

type Texts = Map<string, string>;

/**
 * Texts that are not translated yet and stand there in English: `huggingface-chat.json huggingface-chat.tip.model` for a
 * text of a catalogue, `huggingface-chat.html ` and the first 40 characters of the English block for one of a help.
 */
const pending = new Set<string>(
  JSON.parse(readFileSync(join(root, "test/fixtures/languages/pending.json"), "utf8")) as string[],
);

const editorClient = dirname(
  createRequire(require.resolve("node-red/package.json")).resolve("@node-red/editor-client/package.json"),
);
const nodeRedLanguages = readdirSync(join(editorClient, "locales")).sort();
const languages = nodeRedLanguages.filter((language) => language !== ENGLISH);

/** Returns all texts of a catalogue, by their path. */
function leaves(value: unknown, path = "", into: Texts = new Map()): Texts {
  if (typeof value === "string") into.set(path, value);
  else for (const [key, child] of Object.entries(value as object)) leaves(child, path ? `${path}.${key}` : key, into);
  return into;
}

function catalogue(language: string, node: string): Texts {
  return leaves(JSON.parse(readFileSync(join(LOCALES, language, `${node}.json`), "utf8")));
}

function help(language: string, node: string): string {
  return readFileSync(join(LOCALES, language, `${node}.html`), "utf8");
}

/** Returns what stands before the colon of an error that has a head, without a status, a reason or a word in brackets. */
const headOf = (error: string): string | undefined => /^([^_:.(]+?)(?: \([a-z_]+\))?\s?:(?!\/\/)/.exec(error)?.[1];
const parameters = (text: string): string[] => (text.match(/__\w+__/g) ?? []).sort();
/** Returns the numbers in a text, which translations must keep; a language may write small ones as words. */
const figures = (text: string): string[] =>
  text.replace(/(\d)[.,\u00a0\u202f ](?=\d{3}\b)/g, "$1").match(/\d{2,}/g) ?? [];
const codes = (text: string): string[] => (text.match(/`[^`]+`/g) ?? []).sort();

/** A block of a help text: a heading, a property, a list item or a paragraph, its lines joined. */
interface Block {
  kind: string;
  text: string;
}

/** @param labels - the labels of the form, which may stand for properties; by name, what stands in for each */
function blocks(html: string, labels: Texts = new Map()): Block[] {
  const found: Block[] = [];
  let open: Block | undefined;
  for (const line of html.split("\n")) {
    const [, mark = "", rest = ""] = /^(<\/?script.*|#+ |: |\s*- |\d+\. |)(.*)$/.exec(line) ?? [];
    if (mark.startsWith(": ")) {
      const [, name = "", types = "", text = ""] = /^(.*?)( \(.*?\) :| :)(.*)$/.exec(rest) ?? [];
      const [, star, label = ""] = /^(\*?)(.*?)\*?$/.exec(name) ?? [];
      open = { kind: `: ${star}${labels.get(label) ?? label}${types}`, text };
      found.push(open);
    } else if (mark) {
      open = { kind: mark, text: rest };
      found.push(open);
    } else if (!line.trim()) open = undefined;
    else if (open && !open.kind.startsWith("#")) open.text += `\n${line}`;
    else {
      open = { kind: "paragraph", text: line };
      found.push(open);
    }
  }
  return found;
}

/** Reads the texts of a language: those of the catalogues, and the blocks of the help. */
function allTexts(language: string): Texts {
  const all: Texts = new Map();
  for (const node of NODES) {
    for (const [key, text] of catalogue(language, node)) all.set(`${node}.json ${key}`, text);
    blocks(help(language, node)).forEach(({ text }, index) => {
      if (text.trim()) all.set(`${node}.html ${index}`, text.trim());
    });
  }
  return all;
}

/** Returns the words of a text, without code, parameters, addresses and signs. */
const words = (text: string): string =>
  text
    .replace(/__\w+?__/g, " ")
    .replace(/`[^`]*`|https?:\S+|\]\([^)]*\)|[^\p{L}]+/gu, " ")
    .trim();

/** Returns the width of a text in full-width characters; Latin letters, digits and spaces take half of one. */
const widthOf = (text: string): number =>
  [...text].reduce((width, character) => width + (/[\u1100-\uffff]/.test(character) ? 1 : 0.5), 0);

function known(language: string): Language {
  return JSON.parse(readFileSync(join(root, `test/fixtures/languages/${language}.json`), "utf8"));
}

/** True if a text is still to be translated; German never is, since it is written together with English. */
function isPending(language: string, key: string, english: string): boolean {
  if (language === "de") return false;
  const name = key.includes(".html ") ? `${key.split(" ")[0]} ${english.slice(0, 40)}` : key;
  return pending.has(name);
}

describe("the languages", () => {
  const english = allTexts(ENGLISH);

  it("list no text as pending that no longer exists", () => {
    const names = new Set<string>();
    for (const [key, text] of english) {
      names.add(key);
      names.add(`${key.split(" ")[0]} ${text.slice(0, 40)}`);
    }
    assert.deepEqual(
      [...pending].filter((name) => !names.has(name)),
      [],
    );
  });

  it("have English sentences of at most 25 words, and short hints that say more than their label", () => {
    for (const [key, text] of english) {
      if (!key.includes(".json ")) continue;
      const sentences = text.replace(/`[^`]*`|https?:\S+/g, "x").split(/(?<=[.!?:])\s+/);
      for (const sentence of sentences) assert.ok(sentence.split(/\s+/).length <= 25, `${key}: ${sentence}`);
      if (!key.includes(".tip.")) continue;
      assert.ok(text.length <= 140, `${key}: ${text.length} characters`);
      assert.notEqual(text.toLowerCase(), english.get(key.replace(".tip.", ".label."))?.toLowerCase(), key);
    }
  });

  it("have help of at most two screens", () => {
    for (const node of NODES) {
      const count = help(ENGLISH, node).split(/\s+/).length;
      assert.ok(count <= MOST_WORDS_OF_HELP, `${node}: ${count} words`);
    }
  });

  it("have no English phrase that readers stumble over, in forms and help", () => {
    for (const [key, text] of english) {
      if (/\.json .*\.(errors|warning|notice)\./.test(key)) continue;
      for (const phrase of STUMBLES) assert.doesNotMatch(text, phrase, key);
    }
  });

  it("are those of Node-RED", () => {
    assert.deepEqual(readdirSync(LOCALES).sort(), nodeRedLanguages);
  });

  it("describe properties without a colon: Node-RED drops what stands before the last one, and needs the types", () => {
    for (const language of nodeRedLanguages) {
      for (const node of NODES) {
        for (const line of help(language, node).split("\n")) {
          if (line.startsWith(": ")) assert.match(line, /^: [^:(]+ \([^:()]+\) : [^:]+$/, `${language}/${node}`);
        }
      }
    }
  });

  for (const language of languages) {
    describe(language, () => {
      for (const node of NODES) {
        it(`has every text of ${node}, with its parameters`, () => {
          const translated = catalogue(language, node);
          const original = catalogue(ENGLISH, node);
          assert.deepEqual([...translated.keys()], [...original.keys()]);
          for (const [key, text] of original) {
            const translation = translated.get(key) as string;
            assert.deepEqual(parameters(translation), parameters(text), key);
            assert.ok(translation.trim(), `${key} is empty`);
          }
        });

        it(`has the help of ${node}, block by block`, () => {
          const translated = blocks(help(language, node));
          // The help calls a property by its label in the form.
          const labels = catalogue(language, node);
          const named = [...catalogue(ENGLISH, node)].filter(([key]) => key.includes(".label."));
          const original = blocks(
            help(ENGLISH, node),
            new Map(named.map(([key, text]) => [text, labels.get(key) ?? ""])),
          );
          assert.deepEqual(
            translated.map(({ kind }) => kind),
            original.map(({ kind }) => kind),
          );
          original.forEach(({ text }, index) => {
            const translation = translated[index]?.text as string;
            assert.deepEqual(codes(translation), codes(text), text);
            const lost = figures(text).filter((figure) => !figures(translation).includes(figure));
            assert.deepEqual(lost, [], translation);
          });
        });
      }

      it("has statuses of errors that are short", () => {
        for (const [key, text] of catalogue(language, "huggingface-chat")) {
          if (!key.startsWith("huggingface-chat.summary.")) continue;
          const shown = text.replace(
            /__(\w+?)__/g,
            (_place, name: string) => SHORT[name] ?? assert.fail(`${key}: ${name}`),
          );
          assert.ok(shown.length <= STATUS_LENGTH, `${key}: ${shown.length} characters: ${shown}`);
        }
      });

      if (WITH_HEADS.includes(language)) {
        it("begins errors with the news, as English does", () => {
          const translated = catalogue(language, "huggingface-chat");
          let headed = 0;
          for (const [key, text] of catalogue(ENGLISH, "huggingface-chat")) {
            if (!key.startsWith("huggingface-chat.errors.") || headOf(text) === undefined) continue;
            headed++;
            const translation = translated.get(key) as string;
            const head = headOf(translation);
            assert.ok(head, `${key} has no head: ${translation}`);
            assert.ok(head.length <= HEAD_LENGTH, `${key}: ${head.length} characters: ${head}`);
          }
          assert.ok(headed > 50, `${headed} errors with a head`);
        });
      }

      const endOfHead = NEWS_LAST[language];
      if (endOfHead) {
        it("says first what happened, as in English: Node-RED's sidebar cuts errors after 30 characters", () => {
          const wrong = [...catalogue(language, "huggingface-chat")].filter(([key, text]) => {
            if (!/\.errors\.|\.notice\..*\.warning$/.test(key)) return false;
            const end = text.search(endOfHead);
            const head = text.slice(0, end);
            return end < 1 || parameters(head).length > 0 || widthOf(head) > HEAD_WIDTH;
          });
          assert.deepEqual(wrong, []);
        });
      }

      it("has the English texts of today where they are listed as pending", () => {
        for (const [key, text] of allTexts(language)) {
          if (key.includes(".json ") && isPending(language, key, "")) assert.equal(text, english.get(key), key);
        }
      });

      it("has no English text except those listed as the same", () => {
        const { same } = known(language);
        const script = SCRIPTS[language];
        const left = [...allTexts(language)].filter(([key, text]) => {
          if (!words(text) || same.includes(text)) return false;
          if (isPending(language, key, english.get(key) ?? "")) return false;
          return text === english.get(key) || (script !== undefined && !script.test(text));
        });
        const most = Math.floor(english.size * LEFT_IN_ENGLISH);
        assert.ok(left.length <= most, `${left.length} of ${english.size}, at most ${most}:\n${left.join("\n")}`);
        const needless = same.filter((text) => ![...english.values()].includes(text));
        assert.deepEqual(needless, [], "listed as the same, but no text any more");
      });

      it("uses the words of Node-RED's own translation", () => {
        const own = ["editor.json", "jsonata.json"]
          .map((file) => readFileSync(join(editorClient, "locales", language, file), "utf8"))
          .join("\n");
        const translated = allTexts(language);
        for (const [term, stem] of Object.entries(known(language).terms)) {
          const pattern = new RegExp(stem, "iu");
          assert.match(own, pattern, `Node-RED's ${language} has no such word for "${term}"`);
          const meant = [...english].filter(
            ([key, text]) => !isPending(language, key, text) && new RegExp(`\\b${term}s?\\b`, "i").test(words(text)),
          );
          assert.ok(meant.length > 0, `no text says "${term}"`);
          const others = meant.filter(([key]) => !pattern.test(translated.get(key) ?? ""));
          const kept = 1 - others.length / meant.length;
          const which = others.map(([key, text]) => `${key}: ${text}`).join("\n");
          assert.ok(
            kept >= TERMS_KEPT,
            `"${term}" is ${pattern} in ${Math.round(kept * 100)} %, but not in:\n${which}`,
          );
        }
      });
    });
  }
});
