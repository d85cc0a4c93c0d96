import assert from "node:assert/strict";
import fc from "fast-check";
import { redactDeltas } from "../../../src/client/completion/redact-reply";
import { makeRedaction, withoutUserInfo } from "../../../src/client/redaction";
import { quickly } from "../../support/cpu";

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
    [["half \ud800 a character"], "half \ud800 a character", "***"],
    [["s3cret/key"], '{"a":"s3cret\\/key"}', '{"a":"***"}'],
    [["s3cret/key"], "s3cret%2Fkey s3cret\\u002fkey s3cret\\u002Fkey", "*** *** ***"],
    [["s\u00fcr-pass"], "s\\u00fcr-pass", "***"],
    [[undefined, ""], "nothing to hide", "nothing to hide"],
    [["abc"], "abc is too short to be a secret", "abc is too short to be a secret"],
  ];
  for (const [secrets, text, clean] of cases) {
    it(`${JSON.stringify(secrets)} become *** in ${text}`, () =>
      assert.equal(makeRedaction(secrets).error(text), clean));
  }

  const escapes = (text: string) =>
    text.replace(/./gs, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const quoted = (text: string, times: number): string =>
    times === 0 ? text : quoted(JSON.stringify(text).slice(1, -1), times - 1);
  const escaped: [what: string, text: string, clean: string][] = [
    ["in JSON", `{"a":"${escapes(TOKEN)}"}`, '{"a":"***"}'],
    ["in part", `{"a":"x\\n\\u0068f_\\u0041${TOKEN.slice(4)}\\"y"}`, '{"a":"x\\n***\\"y"}'],
    [
      "in capitals",
      escapes(TOKEN)
        .replace(/[a-f]/g, (digit) => digit.toUpperCase())
        .replaceAll("\\U", "\\u"),
      "***",
    ],
    ["in what is not JSON", `upstream said: "${escapes(TOKEN)}`, 'upstream said: "***'],
    ["in JSON in JSON", JSON.stringify({ a: `{"b":"${escapes(TOKEN)}"}` }), '{"a":"{\\"b\\":\\"***\\"}"}'],
    ["in JSON in JSON in JSON", quoted(escapes(TOKEN), 2), "***"],
    ["at several depths", `${TOKEN} ${escapes(TOKEN)} ${quoted(escapes(TOKEN), 1)} \\u0041`, "*** *** *** \\u0041"],
    ["not after an escaped backslash", `C:\\\\users\\\\u00zz`, `C:\\\\users\\\\u00zz`],
  ];
  for (const [what, text, clean] of escaped) {
    it(`are found in JSON escapes, and the rest stays as it was: ${what}`, () => {
      assert.equal(makeRedaction([TOKEN]).error(text), clean);
      assert.equal(makeRedaction([TOKEN]).reply(text), clean);
    });
  }

  it("leave valid JSON, whatever is escaped in it", () => {
    const letters = fc.constantFrom("\\", '"', "/", "u", "0068", "\u0000", TOKEN, TOKEN.slice(0, 5), "é", "\n");
    const text = fc.array(letters, { maxLength: 12 }).map((parts) => parts.join(""));
    const write = (value: string, mask: boolean[]) =>
      `"${[...value].map((char, at) => (mask[at % mask.length] ? escapes(char) : JSON.stringify(char).slice(1, -1))).join("")}"`;
    fc.assert(
      fc.property(text, fc.array(fc.boolean(), { minLength: 1 }), (value, mask) => {
        const json = write(value, mask);
        const clean = JSON.parse(makeRedaction([TOKEN]).reply(json));
        assert.equal(clean, value.replaceAll(TOKEN, "***"), json);
      }),
      { numRuns: 2000 },
    );
  });

  it("are searched for in time that grows with the text alone", () => {
    const { error } = makeRedaction([TOKEN]);
    const time = (length: number) => {
      const texts = ["\\", "\\u0068", TOKEN.slice(0, -1), `\\u0068f_`, "\\\\u0068"].map((part) =>
        part.repeat(length / part.length),
      );
      const start = performance.now();
      for (const text of texts) error(text);
      return performance.now() - start;
    };
    time(100_000);
    const short = time(100_000);
    assert.ok(time(800_000) < 8 * 5 * short + 50);
  });

  it("are found behind a million escapes, and quickly", () => {
    const { reply } = makeRedaction([TOKEN]);
    const escapes = "\\".repeat(1_000_000);
    assert.equal(
      quickly(() => reply(`${escapes}${TOKEN}`)),
      `${escapes}***`,
    );
    assert.equal(
      quickly(() => reply(`${escapes}\\u0061`)),
      `${escapes}\\u0061`,
    );
  });

  it("are gone from any text, and the rest stays as it was", () => {
    const delta = fc.string({ unit: fc.constantFrom("x", "y", " ", "\n", "ü", "😀") });
    fc.assert(
      fc.property(fc.array(delta, { minLength: 1 }), (deltas) => {
        assert.equal(makeRedaction([TOKEN]).error(deltas.join(TOKEN)), deltas.join("***"));
      }),
    );
  });

  it("are replaced in replies only if they cannot be anything else", () => {
    const { reply } = makeRedaction([TOKEN, "ollama", "1234", "17000000"]);
    const text = `{"created":1700000012,"content":"ollama 1234 ${TOKEN}"}`;
    assert.equal(reply(text), '{"created":1700000012,"content":"ollama 1234 ***"}');
  });
});

describe("a text in a reply that is not a secret", () => {
  const { reply } = makeRedaction([
    { value: "language=english", leastInReply: 17 },
    { value: "sixteen_letters_", leastInReply: 16 },
  ]);

  it("is a value too short to be recognized as one of its kind", () => {
    assert.equal(reply("language=english sixteen_letters_"), "language=english ***");
  });
});

describe("the replacement of a secret", () => {
  it("can be any text instead of ***", () => {
    const { error, reply } = makeRedaction([{ value: "us/east 1", shownAs: "${$&REGION}" }]);
    for (const hide of [error, reply])
      assert.equal(hide('at us/east 1, us%2Feast%201, "us\\/east 1"'), 'at ${$&REGION}, ${$&REGION}, "${$&REGION}"');
  });
});

describe("an address", () => {
  const addresses: [address: string, shown: string][] = [
    ["http://host/path", "http://host/path"],
    ["http://user:pw@host", "http://***@host"],
    ["http://user:p@w@host", "http://***@host"],
    ["http:/\\user:pw@host", "***@host"],
    ["CORP\\user:pw@proxy:8080", "***@proxy:8080"],
    ["user:pw@proxy", "***@proxy"],
    ["user:p\nw@proxy", "***@proxy"],
    [" socks5h://u@h", " socks5h://***@h"],
    ["/v1/chat", "/v1/chat"],
    ["", ""],
  ];
  for (const [address, shown] of addresses) {
    it(`hides everything before its last @: ${JSON.stringify(address)}`, () =>
      assert.equal(withoutUserInfo(address), shown));
  }
});

describe("a reply that is passed on in deltas", () => {
  const secret = "hf_abcabcabd";
  const redaction = makeRedaction([secret, `Bearer ${secret}`, "abababac", "babacaba", "p/w+d=12&x"]);
  const secrets = [secret, "abababac", "babacaba", "p/w+d=12&x", "p%2Fw%2Bd%3D12%26x"];
  type Kind = "text" | "reasoning";

  /** Passes deltas on, and returns what arrived. */
  const pass = (deltas: [kind: Kind, delta: string][]) => {
    const received: Record<Kind, string[]> = { text: [], reasoning: [] };
    const listener = redactDeltas(
      { onText: (delta) => received.text.push(delta), onReasoning: (delta) => received.reasoning.push(delta) },
      redaction,
    );
    for (const [kind, delta] of deltas) {
      if (kind === "text") listener.onText?.(redaction.reply(delta));
      else listener.onReasoning?.(redaction.reply(delta));
    }
    listener.end();
    return received;
  };

  it("shows no secret in text or reasoning, however they are split and mixed, and is otherwise complete", () => {
    const beginnings = secrets.map((text) => text.slice(0, -1));
    const part = fc.constantFrom(
      ...secrets,
      ...beginnings,
      "hf_",
      "abc",
      "ab",
      `Bearer ${secret}`,
      "h",
      "a",
      " ",
      "***",
      "p/w",
    );
    const kind = fc.constantFrom<Kind>("text", "reasoning");
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, part), { maxLength: 16 }), sizes, (parts, cuts) => {
        const said: Record<Kind, string> = { text: "", reasoning: "" };
        const deltas: [Kind, string][] = [];
        let turn = 0;
        for (const [of, text] of parts) {
          said[of] += text;
          for (let at = 0; at < text.length; ) {
            const size = cuts[turn++ % cuts.length] ?? 1;
            deltas.push([of, text.slice(at, at + size)]);
            at += size;
          }
        }
        const received = pass(deltas);
        for (const of of ["text", "reasoning"] as const) {
          const joined = received[of].join("");
          assert.ok(!secrets.some((text) => joined.includes(text)), joined);
          if (!secrets.some((text) => said[of].includes(text))) assert.equal(joined, said[of]);
        }
      }),
      { numRuns: 5000 },
    );
  });

  const asTheyCome: [what: string, deltas: string[]][] = [
    ["words that end with a letter of a secret", ["h", " with", " English", " both", " ab", " aba", " p", " hf", "_"]],
    ["the first three letters", ["hf_", "xyz", "hf_", " "]],
    ["three letters, one by one", ["h", "f", "_", "x"]],
    ["a beginning inside of a piece", ["the hf_abc is", " no token"]],
    ["`Bearer`, which is only around a secret", ["Bear", "er", " ", "Bearer "]],
  ];
  for (const [what, deltas] of asTheyCome) {
    it(`arrives delta by delta: ${what}`, () => {
      assert.deepEqual(pass(deltas.map((delta) => ["text", delta])).text, deltas);
    });
  }

  it("waits with the end of a delta if it is the first four letters, and with nothing more", () => {
    const received = pass([
      ["text", "So hf_a"],
      ["reasoning", "Hm"],
      ["text", "b"],
      ["text", "x yes"],
      ["reasoning", " hf_ab"],
    ]);
    assert.deepEqual(received, { text: ["So ", "hf_abx yes"], reasoning: ["Hm", " ", "hf_ab"] });
  });

  it("hides a secret that arrives letter by letter from its fourth letter on", () => {
    const received = pass([...`a ${secret} b`].map((letter) => ["text", letter]));
    assert.equal(received.text.join(""), "a hf_*** b");
  });
});
