import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/**
 * Real replies recorded from servers. They are beside the project, not in it, and missing on most machines:
 * tests that need them skip with a message.
 */
const beside = path.join(__dirname, "..", "..", "..", "shared");

/** The folders of recordings. */
export type WireName = "wire" | "wire-more";

/** The reason that a skipped test prints. */
export const wireSkipReason = "the recorded replies are not on this machine";

export interface WireReply {
  file: string;
  /** file of the request body, where it is known */
  request?: string;
  status: number;
  headers: Record<string, string>;
  stream: boolean;
  features: string[];
  note?: string;
}

export interface WireExpectation {
  text?: string;
  reasoning?: string;
  // biome-ignore lint/suspicious/noExplicitAny: as the servers wrote them
  tool_calls?: any[];
  finish_reason?: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: as the servers wrote them
  usage?: any;
  error?: { code?: string; status?: number; message: string };
  partial?: string;
}

export interface WireCase {
  /** path below the folder, also the test's name */
  file: string;
  reply: WireReply;
  body: Buffer;
  expected: WireExpectation;
  /** the request that was recorded with the reply */
  // biome-ignore lint/suspicious/noExplicitAny: as the clients wrote them
  request: any;
}

export interface FramingCase {
  name: string;
  /** the whole stream */
  body: Buffer;
  /** the same bytes as they arrived */
  chunks: Buffer[];
}

export interface Wire {
  folder: string;
  /** every reply with an expected result */
  cases: WireCase[];
  /** replies in the list without an expected result, so that none is missed */
  withoutExpectation: string[];
  framing: FramingCase[];
}

/** Loads the recorded replies of a folder; undefined if there are none. */
export function loadWire(name: WireName = "wire"): Wire | undefined {
  const folder = path.join(beside, name);
  if (!existsSync(path.join(folder, "manifest.json"))) return undefined;
  const manifest = readJson<WireReply[]>(folder, "manifest.json");
  const expected = readJson<Record<string, WireExpectation>>(folder, "expected.json");
  const known = manifest.filter((reply) => expected[reply.file]);
  return {
    folder,
    cases: known.map((reply) => readCase(folder, reply, expected[reply.file] as WireExpectation)),
    withoutExpectation: manifest.filter((reply) => !expected[reply.file]).map((reply) => reply.file),
    framing: readFraming(path.join(folder, "sse-framing")),
  };
}

function readCase(folder: string, reply: WireReply, expected: WireExpectation): WireCase {
  return {
    file: reply.file,
    reply,
    body: readFileSync(path.join(folder, reply.file)),
    expected,
    request: reply.request ? readJson(folder, reply.request) : undefined,
  };
}

/** Not every folder has recordings of framing. */
function readFraming(folder: string): FramingCase[] {
  const ending = ".chunks.json";
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => {
      const name = file.slice(0, -ending.length);
      return {
        name,
        body: readFileSync(path.join(folder, `${name}.sse`)),
        chunks: readJson<string[]>(folder, file).map((text) => Buffer.from(text, "base64")),
      };
    });
}

function readJson<T>(folder: string, file: string): T {
  return JSON.parse(readFileSync(path.join(folder, file), "utf8"));
}
