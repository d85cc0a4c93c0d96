import { isDeepStrictEqual } from "node:util";
import { asRecord, asText, nestingProblem, parseJson, type Redaction, toJson } from "../../client/internal";
import type { McpResult, McpTool } from "./types";

/** In characters, of all texts of a result. */
export const LONGEST_RESULT = 100_000;
/** Images of a result that count. */
const MOST_IMAGES = 100;
/** A type of bytes as servers name it; anything else may be a text. */
const MIME_TYPE = /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/;
/** In characters, of a text that is compared with the structured content. */
const LONGEST_COMPARED = 1_000_000;
/** Texts that are compared: the first one says the same, or none. */
const MOST_COMPARED = 100;

type Content = McpResult["content"];

/** Reads the tools of a list, without secrets; what is no tool is left out. */
export function readTools(list: readonly unknown[], redaction: Redaction): McpTool[] {
  return list.flatMap((entry) => {
    const { name, title, description, inputSchema, annotations } = asRecord(entry) ?? {};
    const schema = readSchema(inputSchema, redaction);
    if (typeof name !== "string" || name === "" || !schema) return [];
    // The server would not know the name without the secret.
    if (redaction.reply(name) !== name) return [];
    const text = asText(description) ?? asText(title);
    const marks = readMarks(annotations, redaction);
    return [
      {
        name,
        ...(text !== undefined && { description: redaction.reply(text) }),
        inputSchema: schema,
        ...(marks && { annotations: marks }),
      },
    ];
  });
}

/** Reads a schema, and hides secrets in it: it goes to the server of the model. @returns undefined for what is none */
function readSchema(value: unknown, { reply, needles }: Redaction): McpTool["inputSchema"] | undefined {
  const schema = asRecord(value);
  if (!schema || nestingProblem(schema) !== undefined) return undefined;
  if (needles.length === 0) return schema;
  const text = toJson(schema);
  const shown = reply(text);
  return shown === text ? schema : asRecord(parseJson(shown));
}

function readMarks(value: unknown, redaction: Redaction): McpTool["annotations"] {
  const marks = asRecord(value);
  if (!marks) return undefined;
  const title = asText(marks["title"]);
  const result: NonNullable<McpTool["annotations"]> = title === undefined ? {} : { title: redaction.reply(title) };
  for (const name of ["readOnlyHint", "idempotentHint", "destructiveHint", "openWorldHint"] as const) {
    const mark = marks[name];
    if (typeof mark === "boolean") result[name] = mark;
  }
  return result;
}

/** Reads what a call came to: texts, images, and structured content as JSON, unless a text says the same. */
export function readCallResult(value: unknown, redaction: Redaction): McpResult {
  const { content, structuredContent, isError } = asRecord(value) ?? {};
  const all = [content ?? []].flat().flatMap((item) => readContent(asRecord(item) ?? {}));
  const parts = dropImages(all);
  const structured = structuredContent == null ? undefined : writeStructured(structuredContent, parts);
  if (structured !== undefined) parts.push({ type: "text", text: structured });
  const shown = parts.map((part) =>
    part.type === "text"
      ? { ...part, text: redaction.reply(part.text) }
      : { ...part, mimeType: redaction.reply(part.mimeType) },
  );
  return { content: cutTexts(shown), isError: isError === true };
}

function readContent(item: Record<string, unknown>): Content {
  const { type } = item;
  const named = (asText(item["mimeType"]) ?? "").split(";", 1)[0] ?? "";
  const mimeType = MIME_TYPE.test(named) ? named : "unknown";
  switch (type) {
    case "text":
      return [{ type, text: asText(item["text"]) ?? "" }];
    case "image":
      return [{ type, data: Buffer.from(asText(item["data"]) ?? "", "base64"), mimeType }];
    case "resource": {
      const resource = asRecord(item["resource"]) ?? {};
      const text = asText(resource["text"]);
      return [{ type: "text", text: text ?? note(`A file: ${asText(resource["uri"]) ?? "without address"}`) }];
    }
    case "resource_link":
      return [{ type: "text", text: [item["name"], item["description"], item["uri"]].flatMap(asTexts).join(" ") }];
    case "audio":
      return [{ type: "text", text: note(`Sound of type ${mimeType}`) }];
    default:
      return [{ type: "text", text: note(`Content of type ${asText(type) ?? "unknown"}`) }];
  }
}

/** Drops the images that are too many, and tells the model. */
function dropImages(parts: Content): Content {
  let images = 0;
  const kept = parts.filter(({ type }) => type !== "image" || ++images <= MOST_IMAGES);
  const count = images - MOST_IMAGES;
  return count > 0 ? [...kept, { type: "text", text: `(${count} further images are left out.)` }] : parts;
}

function asTexts(value: unknown): string[] {
  const text = asText(value);
  return text === undefined ? [] : [text];
}

function note(what: string): string {
  return `(${what}, which is left out.)`;
}

function writeStructured(value: unknown, parts: Content): string | undefined {
  const problem = nestingProblem(value);
  if (problem !== undefined) return `(Structured content is left out: ${problem}.)`;
  const isSaid = parts
    .slice(0, MOST_COMPARED)
    .some(
      (part) =>
        part.type === "text" && part.text.length <= LONGEST_COMPARED && isDeepStrictEqual(parseJson(part.text), value),
    );
  return isSaid ? undefined : toJson(value);
}

/** Cuts the texts where they are too long together, and tells the model. */
function cutTexts(parts: Content): Content {
  const all = parts.reduce((sum, part) => sum + (part.type === "text" ? part.text.length : 0), 0);
  if (all <= LONGEST_RESULT) return parts;
  let left = LONGEST_RESULT;
  const kept = parts.flatMap((part): Content => {
    if (part.type !== "text") return [part];
    // Not half of a surrogate pair.
    const text = part.text.slice(0, left).replace(/[\uD800-\uDBFF]$/, "");
    left -= Math.min(left, part.text.length);
    return text === "" ? [] : [{ ...part, text }];
  });
  const said = `(Cut: the result has ${all} characters. These are the first ${LONGEST_RESULT}. Ask for less.)`;
  return [...kept, { type: "text", text: said }];
}
