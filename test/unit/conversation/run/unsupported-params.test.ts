import assert from "node:assert/strict";
import fc from "fast-check";
import type { ChatRequest, UnsupportedParam } from "../../../../src/client/internal";
import type { Message } from "../../../../src/conversation/request/prompt";
import { withoutReasoning } from "../../../../src/conversation/run/for-model";
import { leaveOut, warningOf } from "../../../../src/conversation/run/unsupported-params";

type Request = ChatRequest & { messages: Message[] };

function without(request: Request, ...params: UnsupportedParam[]): Request {
  const copy = { ...request };
  leaveOut(copy, (param) => params.includes(param));
  return copy;
}

const CALL = { role: "assistant", content: null, tool_calls: [{ id: "a" }], reasoning_content: "Hm." };
const REQUEST: Request = {
  model: "m",
  messages: [{ role: "user", content: "Hi" }, CALL],
  stream: true,
  stream_options: { include_usage: true },
};

describe("a request without what its server refuses", () => {
  it("is as it was where nothing is refused", () => assert.deepEqual(without(REQUEST), REQUEST));

  it("tries the other way to switch thinking off, also where only the effort was sent", () => {
    const request = { ...REQUEST, reasoning_effort: "none" };
    const { reasoning_effort, chat_template_kwargs } = without(request, "reasoning_effort") as Record<string, unknown>;
    assert.equal(reasoning_effort, undefined);
    assert.deepEqual(chat_template_kwargs, { enable_thinking: false, thinking: false });
    assert.deepEqual(without(request, "reasoning_effort", "chat_template_kwargs"), REQUEST);
    assert.deepEqual(without({ ...REQUEST, reasoning_effort: "high" }, "reasoning_effort"), REQUEST);
  });

  it("leaves a limit that stands under the other name", () => {
    const request = { ...REQUEST, max_tokens: 9, max_completion_tokens: 7 };
    assert.deepEqual(without(request, "max_tokens"), { ...REQUEST, max_completion_tokens: 7 });
  });

  it("streams where no tools are offered", () => {
    assert.deepEqual(without(REQUEST, "stream_tools"), REQUEST);
    assert.equal(without({ ...REQUEST, tools: [{}] }, "stream_tools").stream, false);
  });

  it("has an empty text in place of null beside calls, and no other null is touched", () => {
    const messages = [{ role: "assistant", content: null }, CALL];
    assert.deepEqual(without({ ...REQUEST, messages }, "null_content").messages, [
      messages[0],
      { ...CALL, content: "" },
    ]);
  });

  it("changes nothing of the messages that the flow has", () => {
    const before = structuredClone(REQUEST);
    without(REQUEST, "null_content", "reasoning");
    assert.deepEqual(REQUEST, before);
  });
});

describe("messages without reasoning", () => {
  it("are the same but for that", () => {
    const { reasoning_content: _, ...rest } = CALL;
    const others = [
      { role: "user", content: "Hi", reasoning: "mine" },
      { role: "tool", content: "7", tool_call_id: "a" },
    ];
    assert.deepEqual(withoutReasoning([...others, CALL]), [...others, rest]);
  });

  it("hold no field of reasoning, whatever they are", () => {
    const names = ["reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "thinking"];
    const message = fc.record(
      {
        role: fc.constant("assistant"),
        content: fc.string(),
        ...Object.fromEntries(names.map((name) => [name, fc.string()])),
      },
      { requiredKeys: ["role"] },
    );
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        const clean = withoutReasoning(messages as Message[]);
        assert.ok(clean.every((found) => names.every((name) => !(name in found))));
        assert.deepEqual(
          clean.map(({ content }) => content),
          messages.map(({ content }) => content),
        );
      }),
    );
  });
});

describe("the warning about what a server refuses", () => {
  it("is one for all sampling fields, and none for a word that was missing", () => {
    assert.equal(warningOf("top_p"), "sampling");
    assert.equal(warningOf("max_tokens"), "max_tokens");
    assert.equal(warningOf("json_word"), undefined);
  });
});
