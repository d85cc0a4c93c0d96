import { asRecord, REASONING_FIELDS } from "../client/internal";

/**
 * How many tokens a character takes, by its kind; the first row that fits counts. Averages of tokenizers of 2024
 * and 2025, rather too low than too high: for scripts other than Latin they differ by half.
 */
const CHARACTERS = [
  // One space belongs to the word behind it.
  { below: 0x09, tokens: 1 },
  { below: 0x21, tokens: 0.05 },
  { below: 0x30, tokens: 0.6 }, // punctuation
  { below: 0x3a, tokens: 0.4 }, // digits: 1 to 3 a token
  { below: 0x41, tokens: 0.6 },
  { below: 0x5b, tokens: 0.27 }, // letters: 1.3 tokens an English word
  { below: 0x61, tokens: 0.6 },
  { below: 0x7b, tokens: 0.27 },
  { below: 0x80, tokens: 0.6 },
  { below: 0x370, tokens: 0.6 }, // letters with accents
  { below: 0x590, tokens: 0.35 }, // Greek, Cyrillic, Armenian
  { below: 0x780, tokens: 0.45 }, // Hebrew, Arabic
  { below: 0x1100, tokens: 0.6 }, // scripts of India and South-East Asia
  { below: 0xd800, tokens: 0.7 }, // Chinese, Japanese, Korean
  { below: 0xe000, tokens: 0.8 }, // halves of emoji
  { below: 0x10000, tokens: 0.7 },
];
/** What does not repeat itself in rows is a word; `-----` and indentation are few tokens, however long. */
const REPEATED = 0.05;
const ASCII = 0x80;

const ratesOfAscii = Float64Array.from({ length: ASCII }, (_, code) => rateOf(code));

function rateOf(code: number): number {
  return CHARACTERS.find(({ below }) => code < below)?.tokens ?? 1;
}

const isLetter = (code: number): boolean => (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);

/** Role, separators and the like. */
export const MESSAGE_TOKENS = 4;
/** What an image costs at most servers, whatever its length as text: they scale it to a size of their own. */
export const IMAGE_TOKENS = 1000;
/** What servers count at least: small models 256, some 85 where `detail` is low. */
const LEAST_IMAGE_TOKENS = 256;
const LOW_DETAIL_TOKENS = 85;
/** Sound and files. Nothing says how long they are. */
const FILE_TOKENS = 100;

/** Estimates the tokens of a text. */
export function tokensOfText(text: string): number {
  let tokens = 0;
  let before = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === before && code < ASCII && !isLetter(code)) tokens += REPEATED;
    else tokens += code < ASCII ? (ratesOfAscii[code] as number) : rateOf(code);
    before = code;
  }
  return tokens;
}

/**
 * Estimates what a request takes of a model's window, rather too low than too high: its messages with their calls, and the
 * tools. Reasoning that is sent back does not count, since most templates drop it.
 */
export function estimatePrompt({ messages, tools }: { messages: unknown[]; [field: string]: unknown }): number {
  const ofMessages = messages.reduce((sum: number, message) => sum + MESSAGE_TOKENS + tokensOfMessage(message), 0);
  return Array.isArray(tools) ? ofMessages + tokensOfValue(tools) : ofMessages;
}

function tokensOfMessage(message: unknown): number {
  const fields = Object.entries(asRecord(message) ?? {});
  return fields.reduce((sum, [name, value]) => (REASONING.has(name) ? sum : sum + tokensOfValue(value)), 0);
}

const REASONING = new Set<string>(REASONING_FIELDS);

/** Only values count: servers write tools more briefly than JSON does. */
function tokensOfValue(value: unknown): number {
  if (typeof value === "string") return value.startsWith("data:") ? FILE_TOKENS : tokensOfText(value);
  if (typeof value !== "object" || value === null) return 1;
  switch ((value as { type?: unknown }).type) {
    case "image_url":
      return asRecord((value as { image_url?: unknown }).image_url)?.["detail"] === "low"
        ? LOW_DETAIL_TOKENS
        : LEAST_IMAGE_TOKENS;
    case "input_audio":
    case "file":
      return FILE_TOKENS;
  }
  let sum = 0;
  for (const item of Object.values(value)) sum += tokensOfValue(item);
  return sum;
}
