import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Expression, type ObjectExpression, type Property, parse } from "acorn";
import { fillFlow, writeFields } from "../dev/generate-fields";
import { CLIENT_DEFAULTS } from "../src/client/internal";
import { ITEM_TYPES, ROW_TYPES } from "../src/editor/schema/schema-row";
import { CHAT_DEFAULTS, CONFIG_DEFAULTS, TOOL_DEFAULTS } from "./support/defaults";
import { root } from "./support/root";

const NODES = resolve(root, "nodes");
const EDITOR = resolve(root, "src/editor");
const editorCode = readdirSync(EDITOR, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => readFileSync(join(EDITOR, file), "utf8"))
  .join("\n");

/** Reads a node's html as Node-RED and its tools do: the inline literals of `registerType`. */
interface Definition {
  type: unknown;
  properties: Map<string, Expression>;
}

function readDefinition(type: string): Definition {
  const html = readFileSync(join(NODES, `${type}.html`), "utf8");
  const script = /<script.+?type=['"]text\/javascript['"].*?>([\S\s]*?)<\/script>/i.exec(html)?.[1];
  assert.ok(script, `${type}.html has a script of type text/javascript`);
  const found = registerTypeCalls(parse(script, { ecmaVersion: "latest" }));
  assert.equal(found.length, 1, "one call of registerType");
  const [name, definition] = found[0]?.arguments ?? [];
  assert.equal(name?.type, "Literal", "the type is a literal");
  assert.equal(definition?.type, "ObjectExpression", "the definition is inline");
  return { type: literal(name as Expression), properties: properties(definition as Expression) };
}

interface Call {
  type: "CallExpression";
  callee: { type: string; property?: { name?: string } };
  arguments: Expression[];
}

/** Finds every `….registerType(…)` below a node of the syntax tree. */
function registerTypeCalls(tree: unknown): Call[] {
  if (typeof tree !== "object" || tree === null) return [];
  const call = tree as Call;
  if (call.type === "CallExpression" && call.callee.property?.name === "registerType") return [call];
  return Object.values(tree).flatMap(registerTypeCalls);
}

/** Returns the properties of an object literal. */
function properties(expression: Expression | undefined): Map<string, Expression> {
  assert.equal(expression?.type, "ObjectExpression", "an inline object");
  const entries = (expression as ObjectExpression).properties.map((property) => {
    assert.equal(property.type, "Property", "no spread in an inline object");
    const { key, value, computed } = property as Property;
    assert.ok(!computed && key.type === "Identifier", "a plain name");
    return [key.name, value] as const;
  });
  return new Map(entries);
}

/** Returns a function that is true for keys, below the name of a node, with an English text. */
function hasText(type: string): (key: string) => boolean {
  const catalogue: unknown = JSON.parse(readFileSync(join(NODES, `locales/en-US/${type}.json`), "utf8"));
  return (key) => {
    const path = [type, ...key.split(".")];
    const text = path.reduce<unknown>(
      (group, name) => (group as Record<string, unknown> | undefined)?.[name],
      catalogue,
    );
    return typeof text === "string";
  };
}

/** Evaluates a literal, or an object or array of literals. */
function literal(expression: Expression): unknown {
  if (expression.type === "Literal") return expression.value;
  if (expression.type === "ArrayExpression")
    return expression.elements.map((element) => literal(element as Expression));
  return Object.fromEntries([...properties(expression)].map(([name, value]) => [name, literal(value)]));
}

describe("the forms' definitions", () => {
  const inPalette = ["category", "color", "icon", "inputs", "outputs"];
  const cases = [
    {
      type: "huggingface-config",
      defaults: CONFIG_DEFAULTS,
      fresh: { model: "openai/gpt-oss-20b" },
      plain: ["category"],
    },
    { type: "huggingface-chat", defaults: CHAT_DEFAULTS, fresh: { conversationType: "msg" }, plain: inPalette },
    { type: "huggingface-tool", defaults: TOOL_DEFAULTS, fresh: {}, plain: inPalette },
  ];
  for (const { type, defaults, fresh, plain } of cases) {
    describe(type, () => {
      const definition = readDefinition(type);
      const form = properties(definition.properties.get("defaults"));

      it("is registered under its own name, with plain literals where tools look for them", () => {
        assert.equal(definition.type, type);
        for (const name of plain) assert.equal(definition.properties.get(name)?.type, "Literal", name);
      });

      it("uses no name that Node-RED keeps for itself", () => {
        const reserved = ["id", "type", "x", "y", "z", "g", "d", "l", "wires", "inputs", "outputs", "info", "users"];
        for (const name of form.keys()) {
          assert.ok(name.length > 1 && !reserved.includes(name), name);
          assert.match(name, /^[a-zA-Z][a-zA-Z0-9]*$/);
        }
      });

      it("has the same defaults as the runtime, but for what differs on purpose in a new node", () => {
        const valuesOf = (key: string) => {
          const found = [...form].flatMap(([name, entry]) => {
            const value = properties(entry).get(key);
            return value ? [[name, literal(value)] as const] : [];
          });
          return Object.fromEntries(found) as Record<string, unknown>;
        };
        assert.deepEqual(valuesOf("value"), { ...defaults, ...fresh });
        assert.deepEqual(Object.keys(valuesOf("missing")), Object.keys(fresh));
        assert.deepEqual({ ...valuesOf("value"), ...valuesOf("missing") }, defaults);
        assert.deepEqual([...form.keys()], Object.keys(defaults));
      });

      it("has the validators and rows that `npm run generate` writes", () => {
        const html = readFileSync(join(NODES, `${type}.html`), "utf8");
        assert.equal(writeFields(type, html, hasText(type)), html);
      });
    });
  }

  it("has the client's defaults for what the client takes from a configuration", () => {
    const { maxReplyLength: _maxReplyLength, ...client } = CLIENT_DEFAULTS;
    for (const [name, value] of Object.entries(client)) {
      assert.equal(CONFIG_DEFAULTS[name as keyof typeof client], value, name);
    }
  });

  it("keeps the token and secret headers credentials", () => {
    const { properties: config } = readDefinition("huggingface-config");
    const credentials = literal(config.get("credentials") as Expression) as Record<string, unknown>;
    assert.deepEqual(Object.keys(credentials), ["token", "secretHeaders", "secretHeadersEdited"]);
    for (const [name, definition] of Object.entries(credentials)) {
      assert.deepEqual(definition, { type: "password" }, name);
      assert.equal(properties(config.get("defaults")).has(name), false, name);
    }
  });

  it("declares the picked tools as ids of nodes, so that copies of them are found", () => {
    const chat = properties(readDefinition("huggingface-chat").properties.get("defaults"));
    assert.equal(literal(properties(chat.get("tools")).get("type") as Expression), "huggingface-tool[]");
  });

  it("gives every typed input its type", () => {
    const form = properties(readDefinition("huggingface-chat").properties.get("defaults"));
    for (const name of form.keys()) {
      if (name.endsWith("Type")) assert.ok(form.has(name.slice(0, -"Type".length)), name);
    }
  });
});

describe("generated fields", () => {
  const html = readFileSync(join(NODES, "huggingface-chat.html"), "utf8");
  const write = (text: string, has = hasText("huggingface-chat")) => writeFields("huggingface-chat", text, has);

  it("are written anew where somebody has changed them", () => {
    for (const [now, before] of [
      ['topP: { value: "",', "topP: { value: 1,"],
      ["{ min: 0, max: 1 }", "{ min: 0, max: 2 }"],
      ['<input type="text" id="node-input-topP">', '<input type="number" id="node-input-topP">'],
      ['<option value="required" data-i18n="huggingface-chat.toolChoice.required"></option>', ""],
    ] as const) {
      const changed = html.replace(now, () => before);
      assert.notEqual(changed, html, now);
      assert.equal(write(changed), html, now);
    }
  });

  it("have a hint if there is a text for it, and need a label and a place", () => {
    const has = hasText("huggingface-chat");
    assert.doesNotMatch(
      write(html, (key) => key !== "tip.topP" && has(key)),
      /tip\.topP/,
    );
    assert.throws(() => write(html, (key) => key !== "label.topP" && has(key)), /lack label\.topP/);
    assert.throws(() => write(html.replace("<!-- rows: sampling -->", "")), /no <!-- rows: sampling -->/);
  });

  it("are added to flows that lack them, in their place", () => {
    const folder = join(root, "examples");
    for (const file of readdirSync(folder)) {
      const flow = readFileSync(join(folder, file), "utf8");
      assert.equal(fillFlow(flow), flow, file);
      const poorer = flow.replace(/^ {4}"(topP|stop|outputType|retries|strict)": .*\n/gm, "");
      assert.deepEqual(
        JSON.parse(fillFlow(poorer)).map((node: object) => Object.keys(node).sort()),
        JSON.parse(flow).map((node: object) => Object.keys(node).sort()),
      );
    }
  });
});

describe("the forms' texts", () => {
  for (const type of ["huggingface-config", "huggingface-chat", "huggingface-tool", "huggingface-mcp"]) {
    const html = readFileSync(join(NODES, `${type}.html`), "utf8");
    const catalogue: unknown = JSON.parse(readFileSync(join(NODES, `locales/en-US/${type}.json`), "utf8"));
    const lookUp = (key: string) =>
      key
        .split(".")
        .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], catalogue);

    it(`${type}: every key is in the catalogue`, () => {
      const inHtml = [...html.matchAll(/data-i18n="(?:\[[\w-]+\])?([^"]+)"/g)].map((match) => match[1] as string);
      const inScript = [...html.matchAll(/"(?:@[\w/-]+:)?(huggingface-\w+\.[\w.]+)"/g)].map(
        (match) => match[1] as string,
      );
      const form = type.replace("huggingface-", "");
      const inCode = [editorCode]
        .flatMap((code) => [...code.matchAll(new RegExp(`"(huggingface-${form}\\.[\\w.]+)"`, "g"))])
        .map((match) => match[1] as string);
      const keys = [...inHtml.filter((key) => !key.startsWith("node-red:")), ...inScript, ...inCode].filter(
        (key) => !key.endsWith(".svg"),
      );
      assert.ok(keys.length > 10);
      for (const key of keys) assert.equal(typeof lookUp(key), "string", key);
    });

    it(`${type}: no words in the template itself`, () => {
      const template = /<script type="text\/html"[^>]*>([\S\s]*?)<\/script>/.exec(html)?.[1] ?? "";
      assert.equal(template.replace(/<[^>]*>/g, "").trim(), "");
    });

    it(`${type}: no widget has the id of a property`, () => {
      const ids = [...html.matchAll(/<(\w+)[^>]* id="(node-(?:config-)?input-[\w-]+)"/g)];
      for (const [, tag, id] of ids) {
        if (tag === "ol" || tag === "div") assert.match(id as string, /-container$/);
      }
    });
  }

  it("those that the forms share are in the catalogue, and none is there in vain", () => {
    const catalogue: Record<string, Record<string, Record<string, string>>> = JSON.parse(
      readFileSync(join(NODES, "locales/en-US/huggingface-config.json"), "utf8"),
    );
    const known = catalogue["huggingface-config"] ?? {};
    const used = [...editorCode.matchAll(/"((?:rows|example|functions|validate|json|schema)\.\w+)"/g)].map(
      (m) => m[1] ?? "",
    );
    assert.ok(used.length > 30);
    for (const key of used)
      assert.equal(typeof known[key.split(".")[0] ?? ""]?.[key.split(".")[1] ?? ""], "string", key);
    for (const section of ["example", "schema"]) {
      for (const key of Object.keys(known[section] ?? {})) assert.ok(used.includes(`${section}.${key}`), key);
    }
    const failures = [...editorCode.matchAll(/fail\("(\w+)"\)|close === .* \? "(\w+)" : "(\w+)"/g)].flatMap((m) =>
      m.slice(1),
    );
    for (const key of failures.filter((found) => found !== undefined))
      assert.equal(typeof known.json?.[key], "string", key);
    assert.deepEqual(Object.keys(known.rowType ?? {}), [...ROW_TYPES, "other"]);
    assert.deepEqual(Object.keys(known.itemType ?? {}), [...ITEM_TYPES, "other"]);
  });
});

describe("the forms' colours", () => {
  it("are those of Node-RED's theme, by variables that there are", () => {
    const css = readFileSync(resolve(root, "resources/forms.css"), "utf8");
    const templates = readdirSync(NODES)
      .filter((file) => file.endsWith(".html"))
      .map((file) => readFileSync(join(NODES, file), "utf8"))
      .flatMap((html) => [...html.matchAll(/style="([^"]*)"/g)].map((match) => match[1] ?? ""));
    const values = [css, ...templates].flatMap((style) => [
      ...style.matchAll(
        /(?:^|[\s;{])(?:color|background|background-color|border(?:-\w+)*|fill|stroke|box-shadow):\s*([^;}]*)/g,
      ),
    ]);
    assert.ok(values.length > 20);
    const strange = values
      .map(([, value = ""]) => value)
      .filter(
        (value) =>
          !/^((\d+px |solid |dashed )*(var\(--red-ui-[\w-]+\)|inherit|none|transparent|collapse|\d+(px)?))$/.test(
            value,
          ),
      );
    assert.deepEqual(strange, []);
    const editorCss = readFileSync(require.resolve("@node-red/editor-client/public/red/style.min.css"), "utf8");
    for (const [variable] of css.matchAll(/--red-ui-[\w-]+/g)) {
      assert.ok(editorCss.includes(`${variable}:`), `${variable} is none of Node-RED's`);
    }
  });
});
