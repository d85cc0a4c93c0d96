import assert from "node:assert/strict";
import {
  askInPrompt,
  type Grammar,
  readOutput,
  readReply,
  repairMessages,
} from "../../../../src/conversation/json/structured-output";
import { isRefused } from "../../../support/errors";

const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
const named = { type: "json_schema", json_schema: { name: "reply", schema, strict: true } };
const anyObject = { type: "json_object" };

function output(format: unknown, grammar: Grammar = "openai", hasTools = false) {
  const read = readOutput(format, grammar, hasTools);
  assert.ok(read);
  return read;
}

describe("the format of a reply", () => {
  const asked: [what: string, format: object, grammar: Grammar, sent: object, schema: object | undefined][] = [
    ["an object", anyObject, "openai", anyObject, undefined],
    ["a schema", named, "openai", named, schema],
    ["an object, of TGI", anyObject, "tgi", { type: "json_object", value: { type: "object" } }, undefined],
    ["a schema, of TGI", named, "tgi", { type: "json_object", value: schema }, schema],
    ["a schema in TGI's own words", { type: "json", value: schema }, "openai", { type: "json", value: schema }, schema],
    [
      "a named schema in TGI's own words",
      { type: "json_schema", value: { name: "x", schema } },
      "tgi",
      { type: "json_schema", value: { name: "x", schema } },
      schema,
    ],
  ];
  for (const [what, format, grammar, sent, expected] of asked) {
    it(`asks for ${what}`, () => {
      const read = output(format, grammar);
      assert.deepEqual(read.responseFormat, sent);
      assert.deepEqual(read.schema, expected);
    });
  }

  it("is left to the prompt where TGI has tools", () => {
    assert.equal(output(named, "tgi", true).responseFormat, undefined);
    assert.equal(output(named, "openai", true).responseFormat, named);
  });

  for (const format of [undefined, null, "json_object", { type: "text" }, { type: "regex", value: "a+" }, {}, []]) {
    it(`is a text for ${JSON.stringify(format)}`, () => assert.equal(readOutput(format, "openai", false), undefined));
  }

  it("is refused without a schema, or with one that is not valid", () => {
    for (const json_schema of [undefined, {}, { schema: true }, { schema: "{}" }, []]) {
      isRefused(() => readOutput({ type: "json_schema", json_schema }, "openai", false), "schema_missing");
    }
    const wrong = { type: "json_schema", json_schema: { name: "x", schema: { type: "strin" } } };
    isRefused(() => readOutput(wrong, "openai", false), "schema_invalid", /type/);
    const lost = { type: "json_schema", json_schema: { name: "x", schema: { $ref: "http://127.0.0.1/x" } } };
    isRefused(() => readOutput(lost, "openai", false), "schema_invalid", /reference/);
  });
});

describe("a reply in JSON", () => {
  it("is its value", () => {
    assert.deepEqual(readReply('{"a": 1}', output(named)), { value: { a: 1 } });
    assert.deepEqual(readReply('{"b": 1}', output(anyObject)), { value: { b: 1 } });
  });

  it("is read where it stands in a JSON string, however often wrapped", () => {
    const whole = '{"a":1}';
    const once = JSON.stringify(whole);
    for (const text of [once, JSON.stringify(once), `Here it is:\n\`\`\`json\n${once}\n\`\`\``]) {
      assert.deepEqual(readReply(text, output(named)), { value: { a: 1 } });
      assert.deepEqual(readReply(text, output(anyObject)), { value: { a: 1 } });
    }
    assert.deepEqual(readReply('"[1,2]"', output(anyObject)), { problems: ["the value must be object"] });
  });

  it("is a string where the schema wants one", () => {
    const text = { type: "json_schema", json_schema: { name: "reply", schema: { type: "string" } } };
    for (const value of ['{"a":1}', "plain", "5"]) {
      assert.deepEqual(readReply(JSON.stringify(value), output(text)), { value });
    }
  });

  it("is the first value that fits", () => {
    assert.deepEqual(readReply('[1] says {"a": "?"}, or rather {"a": 1}.', output(named)), { value: { a: 1 } });
    assert.deepEqual(readReply('[1] says {"a": 1}', output(anyObject)), { value: { a: 1 } });
  });

  const wrong: [text: string, format: object, says: RegExp][] = [
    ["", named, /the reply is empty/],
    [" \n", anyObject, /the reply is empty/],
    ["Sorry.", named, /not valid JSON/],
    ['{"a": 1', named, /not valid JSON/],
    ['{"a": "1"}', named, /^a must be integer$/],
    ["{}", named, /must have required property 'a'/],
    ["[]", anyObject, /must be object/],
    ["5", anyObject, /must be object/],
  ];
  for (const [text, format, says] of wrong) {
    it(`says what is wrong with ${JSON.stringify(text)}`, () => {
      const read = readReply(text, output(format));
      assert.ok("problems" in read);
      assert.match(read.problems.join("; "), says);
    });
  }
});

describe("a prompt that asks for JSON", () => {
  const user = { role: "user", content: "Hi" };

  it("has the schema in its system message", () => {
    const [system, ...others] = askInPrompt([{ role: "system", content: "Be brief." }, user], output(named));
    assert.match(String(system?.content), /^Be brief\.\n\nReply with JSON only.*"integer"/s);
    assert.deepEqual(others, [user]);
  });

  it("has it in the last message of the user where there is no system message", () => {
    const messages = [user, { role: "assistant", content: "Yes?" }, user];
    const asked = askInPrompt(messages, output(named));
    assert.deepEqual(asked.slice(0, 2), messages.slice(0, 2));
    assert.match(String(asked[2]?.content), /^Hi\n\n.*"integer"/s);
    assert.equal(user.content, "Hi");
  });

  it("has it as a part of its own beside an image", () => {
    const image = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
    const [message] = askInPrompt([{ role: "user", content: [image] }], output(anyObject));
    const [first, second] = (message?.content ?? []) as { type: string; text?: string }[];
    assert.equal(first, image);
    assert.match(second?.text ?? "", /one JSON object/);
  });

  it("has it first where nobody has said anything yet", () => {
    assert.deepEqual(
      askInPrompt([{ role: "assistant", content: "x" }], output(anyObject)).map(({ role }) => role),
      ["system", "assistant"],
    );
  });
});

describe("a repair", () => {
  it("gives the reply back with what is wrong", () => {
    const [reply, request] = repairMessages('{"a": "1"}', ["a must be integer", "b is too much"]);
    assert.deepEqual(reply, { role: "assistant", content: '{"a": "1"}' });
    assert.equal(request?.role, "user");
    assert.match(String(request?.content), /- a must be integer\n- b is too much\n/);
  });

  it("leaves out an empty reply, which no server accepts", () => {
    assert.deepEqual(
      repairMessages(" ", ["the reply is empty"]).map(({ role }) => role),
      ["user"],
    );
  });
});
