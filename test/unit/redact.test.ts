import assert from "node:assert/strict";
import fc from "fast-check";
import { makeRedaction } from "../../src/lib/client/redact";
import { redactPieces } from "../../src/lib/client/redact-pieces";

const TOKEN = "hf_AbCdEfGhIjKlMn";

describe("secrets in what a server sends back", () => {
  const cases: [secrets: (string | undefined)[], text: string, clean: string][] = [
    [[TOKEN], `Invalid token ${TOKEN}.`, "Invalid token ***."],
    [[TOKEN], `${TOKEN} and ${TOKEN}`, "*** and ***"],
    [[TOKEN], `{"error":"Bearer ${TOKEN}"}`, '{"error":"Bearer ***"}'],
    [[`Bearer ${TOKEN}`, TOKEN], `Bearer ${TOKEN}`, "***"],
    [["pass", "password"], "password pass", "*** ***"],
    [["p@ss/word"], "http://u:p%40ss%2Fword@proxy p@ss/word", "http://u:***@proxy ***"],
    [['say "hi"'], JSON.stringify({ error: 'say "hi"' }), '{"error":"***"}'],
    [["back\\slash"], JSON.stringify("back\\slash"), '"***"'],
    [["$& $1"], "a $& $1 b", "a *** b"],
    [["a.c+"], "abcc a.c+", "abcc ***"],
    [[undefined, ""], "nothing to hide", "nothing to hide"],
    [["abc"], "abc is too short to be a secret", "abc is too short to be a secret"],
  ];
  for (const [secrets, text, clean] of cases) {
    it(`${JSON.stringify(secrets)} become *** in ${text}`, () =>
      assert.equal(makeRedaction(secrets).error(text), clean));
  }

  it("are gone from any text, and the rest stays as it was", () => {
    const piece = fc.string({ unit: fc.constantFrom("x", "y", " ", "\n", "ü", "😀") });
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1 }), (pieces) => {
        assert.equal(makeRedaction([TOKEN]).error(pieces.join(TOKEN)), pieces.join("***"));
      }),
    );
  });

  it("are replaced in replies only if they can be nothing else", () => {
    const { reply } = makeRedaction([TOKEN, "ollama", "1234", "17000000"]);
    const text = `{"created":1700000012,"content":"ollama 1234 ${TOKEN}"}`;
    assert.equal(reply(text), '{"created":1700000012,"content":"ollama 1234 ***"}');
  });
});

describe("a reply that is handed on in pieces", () => {
  const secret = "hf_abcabcabd";
  const redaction = makeRedaction([secret, `Bearer ${secret}`]);

  it("has no secret in it, however it is cut, and is otherwise as it was", () => {
    const part = fc.constantFrom(
      "hf_",
      "abc",
      "abcabd",
      secret,
      `Bearer ${secret}`,
      "Bear",
      "er ",
      "h",
      " ",
      "hf_abcabc",
    );
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), cuts, (parts, sizes) => {
        const text = parts.join("");
        let told = "";
        const listener = redactPieces({ onText: (piece) => (told += piece) }, redaction);
        for (let at = 0, turn = 0; at < text.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          listener.onText?.(redaction.reply(text.slice(at, at + size)));
          at += size;
        }
        listener.end();
        assert.equal(told.includes(secret), false);
        if (!text.includes(secret)) assert.equal(told, text);
        else assert.equal(told.replaceAll("Bearer ***", "***"), redaction.reply(text).replaceAll("Bearer ***", "***"));
      }),
      { numRuns: 3000 },
    );
  });

  it("has no secret in its text where reasoning comes in between, nor the other way round", () => {
    const part = fc.tuple(
      fc.constantFrom("text", "reasoning"),
      fc.constantFrom("hf_", "abc", "abd", "hf_abcabc", "h", " "),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 16 }), (parts) => {
        const told = { text: "", reasoning: "" };
        const said = { text: "", reasoning: "" };
        const listener = redactPieces(
          {
            onText: (piece) => {
              told.text += piece;
            },
            onReasoning: (piece) => {
              told.reasoning += piece;
            },
          },
          redaction,
        );
        for (const [kind, piece] of parts as ["text" | "reasoning", string][]) {
          said[kind] += piece;
          if (kind === "text") listener.onText?.(piece);
          else listener.onReasoning?.(piece);
        }
        listener.end();
        for (const kind of ["text", "reasoning"] as const) {
          assert.equal(told[kind].includes(secret), false);
          if (!said[kind].includes(secret)) assert.equal(told[kind], said[kind]);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it("comes as it was written where nothing may be the beginning of a secret", () => {
    const told: string[] = [];
    const listener = redactPieces(
      { onText: (piece) => told.push(piece), onReasoning: (piece) => told.push(piece) },
      redaction,
    );
    for (const piece of ["One", " two", " hf", "x"]) listener.onText?.(piece);
    listener.onReasoning?.("three h");
    listener.onText?.("four");
    listener.end();
    assert.deepEqual(told, ["One", " two", " ", "hfx", "three ", "h", "four"]);
  });
});
