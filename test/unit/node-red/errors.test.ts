import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { CLIENT_ERRORS } from "../../../src/client/errors/table";
import { CONVERSATION_ERRORS } from "../../../src/conversation/errors";
import { ChatError, NODE_RED_ERRORS, REWORDED } from "../../../src/node-red/errors";
import { describeErrors, sentencesOf } from "../../support/error-tables";
import { root } from "../../support/root";

describeErrors("node-red", ChatError, NODE_RED_ERRORS, {
  config_missing: [],
  property_failed: ["name", "property", "reason"],
  property_promise: ["name", "property"],
  template_failed: ["name", "reason"],
  output_path: ["property"],
  output_failed: ["property", "reason"],
  context_unreadable: ["name", "property", "reason"],
  message_locked: ["name"],
  output_unusable: ["property"],
  memory_unreadable: ["store", "reason"],
  memory_unwritable: ["store", "reason"],
  tls_invalid: [],
  secret_withheld: ["name"],
});

describe("the errors of all layers", () => {
  const tables = [CLIENT_ERRORS, CONVERSATION_ERRORS, NODE_RED_ERRORS].map(sentencesOf);
  const sentences = new Map(tables.flatMap((table) => [...table]));

  it("have each key in one table", () => {
    assert.equal(
      sentences.size,
      tables.reduce((sum, table) => sum + table.size, 0),
    );
  });

  it("are what the English catalogue says, key by key", () => {
    const file = path.join(root, "nodes/locales/en-US/huggingface-chat.json");
    const { errors } = JSON.parse(readFileSync(file, "utf8"))["huggingface-chat"];
    assert.deepEqual(errors, { ...Object.fromEntries(sentences), ...REWORDED });
  });

  it("are one class, for which the keys of all layers are known", () => {
    const made = [new ChatError("cancelled"), new ChatError("n_not_one"), new ChatError("config_missing")];
    assert.deepEqual(
      made.map(({ code }) => code),
      ["cancelled", "invalid_input", "invalid_input"],
    );
    // @ts-expect-error: of none
    assert.ok(new ChatError("config_gone"));
  });

  it("are reworded only where a sentence of the client differs, with the same parameters", () => {
    const places = (text: string) => [...new Set(text.match(/__\w+?__/g))].sort();
    for (const [key, text] of Object.entries(REWORDED)) {
      const own = sentencesOf(CLIENT_ERRORS).get(key) ?? assert.fail(`${key} is not of the client`);
      assert.notEqual(own, text);
      assert.deepEqual(places(own), places(text));
      assert.equal(new ChatError(key as keyof typeof REWORDED).message, text);
    }
  });
});
