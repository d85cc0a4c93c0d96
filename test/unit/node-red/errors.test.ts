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
  control_invalid: ["name"],
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
  other_withheld: [],
  mcp_url_invalid: ["url"],
  mcp_url_credentials: [],
  mcp_login: ["status", "host"],
  mcp_token_refused: ["status", "host", "message"],
  mcp_forbidden: ["status", "host", "message"],
  mcp_rate_limited: ["status", "host", "message"],
  mcp_not_found: ["status", "host", "message"],
  mcp_silent: ["host", "seconds"],
  mcp_interrupted: ["host"],
  mcp_unreachable: ["host", "reason"],
  mcp_status: ["status", "host", "message"],
  mcp_redirected: ["status", "location"],
  mcp_refused: ["host", "message"],
  mcp_endless: ["host", "pages"],
  mcp_senseless: ["host", "message"],
});

describe("the errors of all layers", () => {
  const tables = [CLIENT_ERRORS, CONVERSATION_ERRORS, NODE_RED_ERRORS].map(sentencesOf);
  const sentences = new Map(tables.flatMap((table) => [...table]));

  it("have each key in one table only", () => {
    assert.equal(
      sentences.size,
      tables.reduce((sum, table) => sum + table.size, 0),
    );
  });

  it("match the English catalogue, key by key", () => {
    const file = path.join(root, "nodes/locales/en-US/huggingface-chat.json");
    const { errors } = JSON.parse(readFileSync(file, "utf8"))["huggingface-chat"];
    assert.deepEqual(errors, { ...Object.fromEntries(sentences), ...REWORDED });
  });

  it("are one class that knows the keys of all layers", () => {
    const made = [new ChatError("cancelled"), new ChatError("n_not_one"), new ChatError("config_missing")];
    assert.deepEqual(
      made.map(({ code }) => code),
      ["cancelled", "invalid_input", "invalid_input"],
    );
    // @ts-expect-error: of no layer
    assert.ok(new ChatError("config_gone"));
  });

  it("are reworded only if the sentence differs from the client's, with the same parameters", () => {
    const places = (text: string) => [...new Set(text.match(/__\w+?__/g))].sort();
    for (const [key, text] of Object.entries(REWORDED)) {
      const own = sentencesOf(CLIENT_ERRORS).get(key) ?? assert.fail(`${key} is not of the client`);
      assert.notEqual(own, text);
      assert.deepEqual(places(own), places(text));
      assert.equal(new ChatError(key as keyof typeof REWORDED).message, text);
    }
  });
});
