import { CHAT_FIELDS } from "../src/shared/chat-fields";
import { CONFIG_FIELDS } from "../src/shared/config-fields";
import type { Field } from "../src/shared/field";
import { inFileOrder } from "../src/shared/file-order";
import { MCP_FIELDS } from "../src/shared/mcp-fields";
import { TOOL_FIELDS } from "../src/shared/tool-fields";

/** The fields of each node's form. */
export const FIELDS: Record<string, readonly Field[]> = {
  "huggingface-config": CONFIG_FIELDS,
  "huggingface-chat": CHAT_FIELDS,
  "huggingface-tool": TOOL_FIELDS,
  "huggingface-mcp": MCP_FIELDS,
};

/** Tells whether a node's catalogue has a text, by keys such as `tip.topP`. */
type HasText = (key: string) => boolean;

/** Biome's width of a line. */
const WIDTH = 120;

/**
 * Writes the fields of a node into its html: the literal `defaults`, which the Flow Library reads, and the rows between
 * `<!-- rows: … -->`, or `<!-- advanced: … -->` for those in a fold, and `<!-- /rows -->`.
 *
 * @param node - the type, such as `huggingface-chat`
 * @param hasText - tells which texts the English catalogue has: a row has a hint and a placeholder if there is one
 * @throws Error if the html has no place for a field, or the catalogue lacks its label
 */
export function writeFields(node: string, html: string, hasText: HasText): string {
  const fields = FIELDS[node] ?? [];
  const blocks = new Set(fields.flatMap((field) => blockOf(field) ?? []));
  const written = replaceOnce(html, /^ {6}defaults: \{\n[\s\S]*?\n {6}\},$/m, `${node}.html has no defaults`, () =>
    ["      defaults: {", ...inFileOrder(fields).map((field) => definition(node, field)), "      },"].join("\n"),
  );
  return [...blocks].reduce((text, block) => {
    const place = new RegExp(`^( *)<!-- ${block} -->\\n(?:[\\s\\S]*?\\n)?? *<!-- /rows -->$`, "m");
    return replaceOnce(text, place, `${node}.html has no <!-- ${block} -->`, (indent) => {
      const inBlock = fields.filter((field) => blockOf(field) === block);
      const lines = [`<!-- ${block} -->`, ...rows(node, inBlock, hasText), "<!-- /rows -->"];
      return lines.map((line) => indent + line).join("\n");
    });
  }, written);
}

/** Returns where the row of a field is written; undefined for one that is written by hand. */
function blockOf({ rows, advanced }: Field): string | undefined {
  return rows && `${advanced ? "advanced" : "rows"}: ${rows}`;
}

/** True for a field with a short box: such rows stand beside each other. */
const isShort = ({ kind, suggestions }: Field): boolean => kind === "number" || suggestions !== undefined;

/** Writes the rows of a block. */
function rows(node: string, fields: readonly Field[], hasText: HasText): string[] {
  return fields.flatMap((field, index) => {
    const lines = row(node, field, hasText);
    if (!isShort(field)) return lines;
    const begin = isBeside(fields[index - 1], field) ? [] : ['<div class="huggingface-numbers">'];
    const end = isBeside(field, fields[index + 1]) ? [] : ["</div>"];
    return [...begin, ...lines.map((line) => `  ${line}`), ...end];
  });
}

const isBeside = (one: Field | undefined, other: Field | undefined): boolean =>
  one !== undefined && other !== undefined && isShort(one) && isShort(other);

/**
 * Adds the fields that nodes of a flow file lack, with their defaults. Keeps the format of the rest.
 *
 * @param flow - JSON as Biome formats it: two spaces before a node, four before its properties
 */
export function fillFlow(flow: string): string {
  return flow.replace(/^ {2}\{\n[\s\S]*?\n {2}\}/gm, (text) => {
    const node = JSON.parse(text) as { type: string };
    const fields = FIELDS[node.type] ?? [];
    const present = fields.filter(({ name }) => name in node);
    return fields.reduce((filled, field, index) => {
      if (present.includes(field)) return filled;
      const next = fields.slice(index).find((other) => present.includes(other));
      const place = next ? new RegExp(`^(?= {4}"${next.name}":)`, "m") : /(?<=^ {4}"type": .*,\n)/m;
      return filled.replace(place, () => `    "${field.name}": ${JSON.stringify(field.default)},\n`);
    }, text);
  });
}

function replaceOnce(text: string, place: RegExp, missing: string, write: (indent: string) => string): string {
  if (!place.test(text)) throw new Error(missing);
  return text.replace(place, (_, indent: string) => write(indent));
}

/** Writes the entry of a field in `defaults`, as Biome formats it. */
function definition(node: string, field: Field): string {
  const { name, kind, nodeType, required } = field;
  const validator = validatorOf(field);
  // The editor names a field in its own errors by this label.
  const isNamed = kind === "typedInput" || required !== undefined;
  const parts = [
    `value: ${literal(field.fresh ?? field.default)}`,
    // What a node without the property has: the editor does not know it, our forms do.
    ...(field.fresh === undefined ? [] : [`missing: ${literal(field.default)}`]),
    ...(nodeType === undefined ? [] : [`type: ${literal(nodeType)}`]),
    ...(required === undefined ? [] : [`required: ${required}`]),
    ...(isNamed ? [`label: RED._("@hf-flows/node-red-huggingface/${node}:${node}.label.${name}")`] : []),
    ...(validator === undefined ? [] : [`validate: ${validator}`]),
  ];
  const line = `        ${name}: { ${parts.join(", ")} },`;
  if (line.length <= WIDTH) return line;
  return [`        ${name}: {`, ...parts.map((part) => `          ${part},`), "        },"].join("\n");
}

/** Writes the call that makes a field's validator (`src/editor/validators-bundle.ts`). */
function validatorOf(field: Field): string | undefined {
  const { name, kind, min, max, integer, choices, reserved, allowBlank, isKey, needed } = field;
  const call = (...options: unknown[]) => `rules.${kind}(${[name, ...options].map(literal).join(", ")})`;
  switch (kind) {
    case "text":
    case "inputType":
    case "node":
    case "nodes":
    case "mcpTools":
    case "stop":
      return undefined;
    case "number": {
      const range = {
        ...(min !== undefined && { min }),
        ...(max !== undefined && { max }),
        ...(integer && { integer }),
      };
      return Object.keys(range).length > 0 ? call(range) : call();
    }
    case "choice":
      return call(choices);
    case "jsonObject":
      return call(reserved);
    case "typedInput":
      if (isKey) return call({ isKey });
      return allowBlank ? call({ allowBlank }) : call();
    case "model":
      return call(needed ?? false);
    case "address":
      return needed ? call(true) : call();
    default:
      return call();
  }
}

/** Writes a value as JavaScript, as Biome formats it. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([name, item]) => `${name}: ${literal(item)}`);
  return entries.length > 0 ? `{ ${entries.join(", ")} }` : "{}";
}

/** Writes the lines of a field's row. */
function row(node: string, field: Field, hasText: HasText): string[] {
  const { name, icon, only, heading } = field;
  const isConfig = node === "huggingface-config" || node === "huggingface-mcp";
  const id = `${isConfig ? "node-config-input" : "node-input"}-${name}`;
  if (!hasText(`label.${name}`)) throw new Error(`The English texts of ${node} lack label.${name}.`);
  const label = icon ? `<i class="fa fa-${icon}"></i> <span data-i18n="${node}.label.${heading ?? name}"></span>` : "";
  const width = isShort(field) ? " huggingface-short" : "";
  return [
    `<div class="form-row${only ? ` ${node}-${only}-row` : ""}">`,
    `  <label for="${id}">${label}</label>`,
    `  <div class="huggingface-field${width}">`,
    ...input(node, id, field, hasText).map((line) => `    ${line}`),
    ...(hasText(`tip.${name}`) ? [`    <div class="huggingface-hint" data-i18n="${node}.tip.${name}"></div>`] : []),
    "  </div>",
    "</div>",
  ];
}

/** Writes the lines of a row's input. */
function input(node: string, id: string, field: Field, hasText: HasText): string[] {
  const { name, kind, icon, unit, beside, choices = [], suggestions = [] } = field;
  const hasPlaceholder = hasText(`placeholder.${name}`);
  // Without a visible label, screen readers need one.
  const texts = [
    ...(hasPlaceholder ? [`[placeholder]${node}.placeholder.${name}`] : []),
    ...(icon ? [] : [`[aria-label]${node}.label.${name}`]),
  ];
  const translated = texts.length > 0 ? ` data-i18n="${texts.join(";")}"` : "";
  const fallback = hasPlaceholder || field.default === "" ? "" : ` placeholder="${field.default}"`;
  switch (kind) {
    case "number": {
      const behind = unit ? `<span class="huggingface-unit" data-i18n="${node}.unit.${unit}"></span>` : "";
      return [`<input type="text" id="${id}"${fallback}${translated}>${behind}`];
    }
    case "flag":
      return [
        `<label class="huggingface-check" for="${id}">`,
        `  <input type="checkbox" id="${id}"> <span data-i18n="${node}.label.${beside ?? name}"></span>`,
        "</label>",
      ];
    case "choice":
      return [
        `<select id="${id}" style="width:100%"${translated}>`,
        ...choices.map((word) => `  <option value="${word}" data-i18n="${node}.${name}.${word}"></option>`),
        "</select>",
      ];
    case "text":
    case "address":
    case "schemaName": {
      if (suggestions.length === 0) {
        return [`<input type="text" id="${id}" style="width:100%" spellcheck="false"${fallback}${translated}>`];
      }
      const list = `${node}-${name}-list`;
      return [
        `<input type="text" id="${id}" list="${list}" autocomplete="off"${fallback}${translated}>`,
        `<datalist id="${list}">`,
        ...suggestions.map((word) => {
          const key = `${name}.${word}`;
          const label = hasText(key) ? ` data-i18n="[label]${node}.${key}"` : "";
          return `  <option value="${word}"${label}></option>`;
        }),
        "</datalist>",
      ];
    }
    default:
      throw new Error(`${name}: rows of a field of the kind ${kind} are written by hand.`);
  }
}
