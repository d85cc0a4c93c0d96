import assert from "node:assert/strict";
import fc from "fast-check";
import { CompletionAccumulator } from "../../../../src/client/completion/accumulator";
import type { PartialCompletion } from "../../../../src/client/types";

type Fields = Record<string, unknown>;
const streamed = (fields: Fields, more: Fields = {}): Fields => ({ choices: [{ index: 0, delta: fields, ...more }] });
const whole = (fields: Fields, more: Fields = {}): Fields => ({ choices: [{ index: 0, message: fields, ...more }] });

function build(...chunks: Fields[]): PartialCompletion & { told: { text: string; reasoning: string } } {
  const told = { text: "", reasoning: "" };
  const accumulator = new CompletionAccumulator({
    onText: (delta) => {
      told.text += delta;
    },
    onReasoning: (delta) => {
      told.reasoning += delta;
    },
  });
  for (const chunk of chunks) accumulator.add(chunk, 10);
  accumulator.end();
  return { ...accumulator.build(), told };
}

const annotation = { type: "url_citation", url_citation: { url: "https://example.org" } };
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };

describe("what a message has beside its text", () => {
  it("is in the message, streamed as well as whole", () => {
    const fields = { annotations: [annotation], images: [image] };
    const expected = { role: "assistant", content: "Hi", ...fields };
    assert.deepEqual(build(streamed({ content: "Hi" }), streamed(fields)).message, expected);
    assert.deepEqual(build(whole({ content: "Hi", ...fields })).message, expected);
    assert.deepEqual(build(streamed({ content: "Hi" }, fields)).message.annotations, [annotation]);
  });

  it("is kept once where a server sends all of it with each chunk", () => {
    const other = { ...annotation, n: 2 };
    const found = build(streamed({ annotations: [annotation] }), streamed({ annotations: [annotation, other] }));
    assert.deepEqual(found.message.annotations, [annotation, other]);
  });

  it("has sound in one piece", () => {
    const piece = (text: string) => Buffer.from(text).toString("base64");
    const found = build(
      streamed({ audio: { id: "a", transcript: "Hel" } }),
      streamed({ audio: { data: piece("one!"), transcript: "lo" } }),
      streamed({ audio: { data: piece("two") } }),
      streamed({ audio: { expires_at: 5 } }),
    );
    assert.deepEqual(found.message.audio, { id: "a", transcript: "Hello", data: piece("one!two"), expires_at: 5 });
  });

  it("is left out and named where it is nested too deep", () => {
    const accumulator = new CompletionAccumulator({});
    accumulator.add(streamed({ content: "Hi", annotations: [JSON.parse("[".repeat(2000) + "]".repeat(2000))] }));
    assert.equal(accumulator.build().message.annotations, undefined);
    assert.deepEqual(accumulator.leftOut, ["annotations"]);
  });

  it("tells a refusal apart, and has it in the text", () => {
    const { message } = build(streamed({ refusal: "I can" }), streamed({ refusal: "not." }));
    assert.deepEqual(message, { role: "assistant", content: "I cannot.", refusal: "I cannot." });
  });

  it("keeps the probabilities of the reasoning", () => {
    const logprobs = { content: [{ token: "a" }], reasoning_content: [{ token: "b" }] };
    const found = build(streamed({ content: "a" }, { logprobs }), streamed({ content: "a" }, { logprobs }));
    assert.deepEqual(found.logprobs, {
      content: [{ token: "a" }, { token: "a" }],
      reasoning_content: [{ token: "b" }, { token: "b" }],
    });
  });
});

describe("reasoning that is said twice", () => {
  it("is told once, however it is cut and whichever comes first", () => {
    const cut = (text: string, cuts: number[]) => {
      const at = [0, ...cuts.map((n) => n % text.length), text.length].sort((a, b) => a - b);
      return at.slice(1).map((end, i) => text.slice(at[i], end));
    };
    fc.assert(
      fc.property(
        fc.array(fc.nat(), { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 4 }),
        fc.boolean(),
        (a, b, turn) => {
          const fields = cut("I think.", a).map((reasoning_content) => streamed({ reasoning_content }));
          const texts = cut("<think>I think.</think>Hi", b).map((content) => streamed({ content }));
          const found = build(...(turn ? [...texts, ...fields] : [...fields, ...texts]));
          assert.deepEqual(found.message, { role: "assistant", content: "Hi", reasoning: "I think." });
          assert.deepEqual(found.told, { text: "Hi", reasoning: "I think." });
          assert.deepEqual(found.reasoningToReturn, { reasoning_content: "I think." });
        },
      ),
    );
  });

  it("is told whole where the second is another", () => {
    const found = build(whole({ reasoning_content: "One.", content: "<think>Two.</think>Hi" }));
    assert.equal(found.message.reasoning, "One.Two.");
    assert.deepEqual(found.reasoningToReturn, { reasoning_content: "One." });
  });

  it("is sent back as it came where it is blank", () => {
    assert.deepEqual(build(whole({ reasoning_content: "", content: "Hi" })).reasoningToReturn, {
      reasoning_content: "",
    });
  });
});
