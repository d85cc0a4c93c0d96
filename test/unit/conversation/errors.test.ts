import assert from "node:assert/strict";
import { ChatError, CONVERSATION_ERRORS } from "../../../src/conversation/errors";
import { describeErrors, sourcesOf } from "../../support/error-tables";

describeErrors("conversation", ChatError, CONVERSATION_ERRORS, {
  model_missing: [],
  prompt_empty: ["name"],
  prompt_buffer: ["name"],
  media_no_place: ["name"],
  image_path: ["name", "value"],
  prompt_unsendable: ["name", "type"],
  list_too_long: ["name", "count"],
  message_not_object: ["name"],
  message_role: ["name", "role"],
  message_content: ["name"],
  message_part: ["name"],
  message_image: ["name"],
  message_tool_call_id: ["name"],
  image_too_big: ["name", "megabytes"],
  options_not_object: ["type"],
  option_forbidden: ["name"],
  option_number: ["name", "value"],
  option_boolean: ["name", "value"],
  option_text: ["name"],
  option_stop: ["name"],
  option_choice: ["name", "value", "choices"],
  n_not_one: [],
  extra_reserved: ["name"],
  json_invalid: ["name", "reason"],
  not_an_object: ["name"],
  env_missing: ["name", "field"],
  images_invalid: ["name"],
  sound_invalid: ["name"],
  sound_too_big: ["name", "megabytes"],
  tool_not_declared: ["index"],
  tool_twice: ["name"],
  tool_schema: ["name", "reason"],
  tool_name_missing: [],
  function_name: ["name"],
  functions_not_list: [],
  schema_missing: [],
  schema_invalid: ["reason"],
  limit_questions: ["used", "amount", "until"],
  limit_usd: ["used", "amount", "until"],
  limit_tokens: ["used", "amount", "until"],
  too_many_steps: ["count"],
  output_invalid: ["problems"],
  call_truncated: ["name", "reason"],
  output_truncated: ["reason"],
  output_refused: ["refusal"],
  output_filtered: ["reason"],
});

describe("the errors of the conversation layer", () => {
  it("include those of the client, and not those of the Node-RED layer", () => {
    assert.equal(new ChatError("cancelled").code, "cancelled");
    // @ts-expect-error: of the Node-RED layer
    assert.ok(new ChatError("config_missing"));
    // @ts-expect-error: of no layer
    assert.ok(new ChatError("too_many_stops"));
  });
});

describe("the conversation layer", () => {
  it("does not mention Node-RED's messages or HTTP statuses outside its sentences", () => {
    // A span has an attribute for the one, and a state of its own by the same name.
    const lines = sourcesOf("conversation", ["trace"]).split("\n");
    assert.deepEqual(
      lines.filter((line) => /\bmsg\.|Node-RED|\bHTTP\b|\b[Ss]tatus\b/.test(line)),
      [],
    );
  });
});
