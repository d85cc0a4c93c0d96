import assert from "node:assert/strict";
import type { NodeAPI } from "node-red";
import { languageOf, makeTranslate } from "../../../src/node-red/red";

describe("a text of the nodes", () => {
  const translate = makeTranslate({
    _: (key: string, params: object) => JSON.stringify([key, params]),
  } as unknown as NodeAPI);

  it("has no control characters and a limited length", () => {
    const text = translate("warning.x", { model: `a\u001b[2J\n${"b".repeat(5000)}`, count: 5 });
    const [key, params] = JSON.parse(text);
    assert.equal(key, "@hf-flows/node-red-huggingface/huggingface-chat:huggingface-chat.warning.x");
    assert.deepEqual(params, { model: `a [2J ${"b".repeat(994)}…`, count: 5 });
  });
});

describe("the language of Node-RED", () => {
  const names = ["LC_ALL", "LC_MESSAGES", "LANG"] as const;
  const before = names.map((name) => [name, process.env[name]] as const);
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  const cases: [lang: unknown, env: Partial<Record<(typeof names)[number], string>>, language: string][] = [
    ["ja", { LC_ALL: "de_DE.UTF-8" }, "ja"],
    [undefined, { LC_ALL: "de_DE.UTF-8", LANG: "fr_FR.UTF-8" }, "de_DE.UTF-8"],
    [undefined, { LC_MESSAGES: "es", LANG: "fr" }, "es"],
    ["", { LANG: "fr" }, "fr"],
    [undefined, {}, ""],
  ];
  for (const [lang, env, language] of cases) {
    it(`is ${JSON.stringify(language)} with ${JSON.stringify({ lang, ...env })}`, () => {
      for (const name of names) delete process.env[name];
      Object.assign(process.env, env);
      assert.equal(languageOf({ settings: { lang } } as unknown as NodeAPI), language);
    });
  }
});
