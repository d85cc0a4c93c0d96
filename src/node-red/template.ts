import type { Node, NodeAPI } from "node-red";
import { loadModule, reasonOf } from "../client/internal";
import { textOf } from "../conversation/request/text-of";
import { ChatError } from "./errors";
import { codeOf } from "./read-again";
import { variableOf } from "./red";

// Loaded by the first template, and found now: see `loadModule`.
require.resolve("mustache");

/** What is used of mustache. Its types say one thing to an import and another to a `require`. */
interface Mustache {
  Context: new (view: unknown, parent?: Context) => Context;
  Writer: new () => Writer;
}

interface Context {
  /** Looks in the view, then in those around it. */
  lookup(name: string): unknown;
  push(view: unknown): Context;
}

/** A piece of a template: what it is, its text or name, where it stands, and for a section what is inside. */
type Token = [type: string, value: string, start: number, end: number, inside?: Token[]];

interface Writer {
  parse(template: string): Token[];
  render(template: string, view: Context): string;
  escapedValue(token: Token, context: Context): string | undefined;
  unescapedValue(token: Token, context: Context): string | undefined;
}

/** What a template may name besides the properties of the message. */
interface Surroundings {
  /** Values by name: `flow.persona`, `global[disk].site`, `env.HOME`. */
  values: ReadonlyMap<string, unknown>;
  /** Called with a name that nothing has. What it stands for is left blank. */
  onUnknown?(name: string): void;
}

/** As core's template node reads them (`@node-red/nodes/core/function/80-template.js`). */
const CONTEXT_NAME = /^(flow|global)(?:\[(\w+)\])?\.(.+)$/;
const ENV_NAME = /^env\.(.+)$/;

let renderer: ReturnType<typeof makeRenderer> | undefined;

/**
 * Renders a Mustache text over a message. Nothing is HTML-escaped.
 *
 * @param name - the field that holds the template, for errors
 * @throws ChatError `template_failed`, `module_failed`; `invalid_input` for a value that is no text
 */
export function renderTemplate(template: string, msg: object, name: string, around?: Surroundings): string {
  const render = mustache();
  try {
    return render.render(template, msg, around ?? { values: new Map() });
  } catch (error) {
    throw error instanceof ChatError ? error : new ChatError("template_failed", { name, reason: reasonOf(error) });
  }
}

/**
 * Reads what a template names of contexts and of the environment.
 *
 * @param name - the field that holds the template, for errors
 * @throws ChatError `template_failed`, `context_unreadable`
 */
export async function readSurroundings(
  RED: NodeAPI,
  node: Node,
  template: string,
  name: string,
): Promise<Map<string, unknown>> {
  const values = new Map<string, unknown>();
  await Promise.all(
    namesIn(template, name).map(async (token) => {
      const variable = ENV_NAME.exec(token)?.[1];
      const [, type, store, key = ""] = CONTEXT_NAME.exec(token) ?? [];
      if (variable) values.set(token, variableOf(RED, node, variable));
      else if (type === "flow" || type === "global") {
        const { value } = await readContext(node, type, key, store, name);
        values.set(token, value);
      }
    }),
  );
  return values;
}

function namesIn(template: string, name: string): string[] {
  // Most templates name none of them.
  if (!/\b(flow|global|env)\b/.test(template)) return [];
  const render = mustache();
  try {
    return render.names(template);
  } catch (error) {
    throw new ChatError("template_failed", { name, reason: reasonOf(error) });
  }
}

/** @returns the value in an object: a promise in a context must not be waited for, since it may never end */
function readContext(
  node: Node,
  type: "flow" | "global",
  key: string,
  store: string | undefined,
  name: string,
): Promise<{ value: unknown }> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      const params = { name, property: `${type}.${key}`, reason: reasonOf(error) };
      reject(new ChatError("context_unreadable", params, { retryable: true, ...codeOf(error) }));
    };
    try {
      node
        .context()
        [type].get(key, store, (error: unknown, value?: unknown) => (error ? fail(error) : resolve({ value })));
    } catch (error) {
      fail(error);
    }
  });
}

function mustache() {
  renderer ??= loadModule("mustache", () => makeRenderer(require("mustache")));
  return renderer;
}

function makeRenderer({ Context, Writer }: Mustache) {
  /** A message, and behind it what is around. */
  class TemplateContext extends Context {
    readonly around: Surroundings;

    constructor(view: unknown, around: Surroundings, parent?: Context) {
      super(view, parent);
      this.around = around;
    }

    override lookup(name: string): unknown {
      const value = super.lookup(name);
      return value === undefined ? this.around.values.get(name) : value;
    }

    override push(view: unknown): Context {
      return new TemplateContext(view, this.around, this);
    }
  }

  class TemplateWriter extends Writer {
    override escapedValue([, name]: Token, context: TemplateContext): string | undefined {
      const value = context.lookup(name);
      if (value === undefined) context.around.onUnknown?.(name);
      if (value === undefined || value === null) return undefined;
      return typeof value === "object" ? textOf(value, `{{${name}}}`) : String(value);
    }

    override unescapedValue(token: Token, context: TemplateContext): string | undefined {
      return this.escapedValue(token, context);
    }
  }

  const writer = new TemplateWriter();
  const namesOf = (tokens: Token[]): string[] =>
    tokens.flatMap(([type, value, , , inside]) =>
      type === "text" ? [] : [value, ...(Array.isArray(inside) ? namesOf(inside) : [])],
    );
  return {
    render: (template: string, msg: object, around: Surroundings) =>
      writer.render(template, new TemplateContext(msg, around)),
    names: (template: string) => [...new Set(namesOf(writer.parse(template)))],
  };
}
