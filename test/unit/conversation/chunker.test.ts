import assert from "node:assert/strict";
import fc from "fast-check";
import sinon from "sinon";
import { CHUNK_MODES, type ChunkMode, makeChunker } from "../../../src/conversation/chunker";
import { quickly } from "../../support/cpu";

/** The chunks of a text that comes in these pieces. */
function chunksOf(mode: ChunkMode, deltas: Iterable<string>, language?: string): string[] {
  const chunks: string[] = [];
  const chunker = makeChunker(mode, 0, (chunk) => chunks.push(chunk), undefined, language);
  for (const delta of deltas) chunker.push(delta);
  chunker.flush();
  return chunks;
}

describe("the chunks of a reply", () => {
  const word = fc.oneof(
    fc.constantFrom("Hi", "3.14", ".", "! ", "?", "\n", "\r\n", "\r", " ", "。", "नमस्ते।", "…", "e.g. ", "\u2028", "😀"),
    fc.string({ minLength: 1 }),
  );
  for (const mode of CHUNK_MODES) {
    it(`make up the whole text, none of them empty: ${mode}`, () => {
      fc.assert(
        fc.property(fc.array(word), fc.array(fc.nat(20)), (deltas, flushes) => {
          const chunks: string[] = [];
          const chunker = makeChunker(mode, 0, (chunk) => chunks.push(chunk));
          deltas.forEach((delta, index) => {
            chunker.push(delta);
            if (!flushes.includes(index)) return;
            chunker.flush();
            assert.equal(chunks.join(""), deltas.slice(0, index + 1).join(""), "a flush holds nothing back");
          });
          chunker.flush();
          assert.equal(chunks.join(""), deltas.join(""));
          assert.ok(!chunks.includes(""));
          const count = chunks.length;
          chunker.flush();
          assert.equal(chunks.length, count, "a flush of nothing sends nothing");
        }),
      );
    });
  }
});

describe("chunks token by token", () => {
  it("are the deltas", () => assert.deepEqual(chunksOf("token", ["Hel", "lo", "."]), ["Hel", "lo", "."]));
});

describe("chunks at intervals", () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => clock.restore());

  it("may be longer than a timer can run", () => {
    const { chunks, chunker } = timed(2 ** 32);
    chunker.push("a");
    chunker.push("b");
    clock.tick(60_000);
    assert.deepEqual(chunks, [[0, "a"]]);
    chunker.flush();
  });

  function timed(intervalMs: number) {
    const chunks: [at: number, chunk: string][] = [];
    const chunker = makeChunker("interval", intervalMs, (chunk) => chunks.push([Date.now(), chunk]));
    return { chunks, chunker };
  }

  it("begin at once, and then collect what arrives", () => {
    const { chunks, chunker } = timed(100);
    for (const delta of ["a", "b", "c", "d", "e", "f"]) {
      chunker.push(delta);
      clock.tick(40);
    }
    clock.tick(1000);
    assert.deepEqual(chunks, [
      [0, "a"],
      [100, "bc"],
      [200, "de"],
      [300, "f"],
    ]);
  });

  it("begin at once again after a pause", () => {
    const { chunks, chunker } = timed(100);
    chunker.push("a");
    clock.tick(150);
    chunker.push("b");
    assert.deepEqual(chunks, [
      [0, "a"],
      [150, "b"],
    ]);
  });

  it("keep the interval if text follows reasoning, each in a chunk of its own", () => {
    const chunks: unknown[] = [];
    const chunker = makeChunker("interval", 100, (chunk, kind) => chunks.push([Date.now(), kind, chunk]));
    for (const [kind, delta] of [
      ["reasoning", "Hm"],
      ["reasoning", "."],
      ["text", "a"],
      ["text", "b"],
    ] as const) {
      chunker.push(delta, kind);
      clock.tick(10);
    }
    clock.tick(1000);
    assert.deepEqual(chunks, [
      [0, "reasoning", "Hm"],
      [100, "reasoning", "."],
      [200, "text", "ab"],
    ]);
  });

  it("leave no timer behind when nothing comes, nor after a flush", () => {
    const { chunks, chunker } = timed(100);
    chunker.push("a");
    clock.tick(100);
    assert.equal(clock.countTimers(), 0);
    chunker.push("b");
    chunker.push("c");
    chunker.flush();
    assert.equal(clock.countTimers(), 0);
    assert.deepEqual(
      chunks.map(([, chunk]) => chunk),
      ["a", "b", "c"],
    );
  });

  it("are never closer than the interval, and delay nothing for longer", () => {
    const deltas = fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.nat(120)));
    fc.assert(
      fc.property(deltas, fc.integer({ min: 1, max: 200 }), (list, intervalMs) => {
        const { chunks, chunker } = timed(intervalMs);
        let sent = "";
        for (const [delta, pause] of list) {
          chunker.push(delta);
          sent += delta;
          clock.tick(pause);
        }
        clock.tick(intervalMs);
        assert.equal(chunks.map(([, chunk]) => chunk).join(""), sent);
        for (let i = 1; i < chunks.length; i++)
          assert.ok((chunks[i]?.[0] ?? 0) - (chunks[i - 1]?.[0] ?? 0) >= intervalMs);
        clock.tick(intervalMs);
        assert.equal(clock.countTimers(), 0);
      }),
    );
  });
});

describe("chunks by sentence", () => {
  const cases: [what: string, text: string, chunks: string[], language?: string][] = [
    ["English", "Hello World! How are you? Fine.", ["Hello World! ", "How are you? ", "Fine."]],
    ["a number with a point", "Pi is 3.14 today. Next!", ["Pi is 3.14 today. ", "Next!"]],
    [
      "a version and a host",
      "Use v1.2.3 of example.com now. Then go.",
      ["Use v1.2.3 of example.com now. ", "Then go."],
    ],
    ["several marks", "Really?! Yes... But not today.", ["Really?! ", "Yes... But not today."]],
    ["three dots in a sentence", "It was... well, odd. Quite so!", ["It was... well, odd. ", "Quite so!"]],
    ["a quotation", 'He said "Go." Then he left.', ['He said "Go." ', "Then he left."]],
    [
      "a question that is quoted",
      '"Are you sure?" he asked. Yes, she was.',
      ['"Are you sure?" he asked. ', "Yes, she was."],
    ],
    ["bold text", "**Important.** Read this. Then go on.", ["**Important.** ", "Read this. ", "Then go on."]],
    ["paragraphs", "A title\n\nA long text. More\n", ["A title\n\n", "A long text. ", "More\n"]],
    ["Chinese", "你好。世界和平！再见", ["你好。世界和平！", "再见"], "zh-CN"],
    ["Japanese", "すごい！本当？はい。", ["すごい！", "本当？はい。"], "ja"],
    ["Hindi", "नमस्ते जी। आप कैसे हैं? ठीक।", ["नमस्ते जी। आप कैसे हैं? ", "ठीक।"]],
    ["Arabic", "مرحبا بك؟ نعم سيدي. حسنا", ["مرحبا بك؟ ", "نعم سيدي. ", "حسنا"]],
    ["Spanish", "¿Qué tal? ¡Muy bien! Gracias.", ["¿Qué tal? ", "¡Muy bien! ", "Gracias."], "es-ES"],
    ["no end at all", "no end at all", ["no end at all"]],
    ["short sentences, which go with the next", "Yes. No. Hi! I am here.", ["Yes. No. Hi! ", "I am here."]],
    [
      "titles and initials",
      "Ask Dr. Smith or J. R. Tolkien. Mr. Lee is out.",
      ["Ask Dr. Smith or J. R. Tolkien. ", "Mr. Lee is out."],
    ],
    [
      "abbreviations",
      "Use fruit, e.g. Apples, i.e. No. 5. The U.S. Army left.",
      ["Use fruit, e.g. Apples, i.e. No. 5. ", "The U.S. Army left."],
    ],
    ["a word that is also an abbreviation", "I said no. Then I left.", ["I said no. ", "Then I left."]],
    ["the word I", "Not even I. Then she left.", ["Not even I. ", "Then she left."]],
    ["a sentence that ends in a number", "The answer is 42. Nobody knew.", ["The answer is 42. ", "Nobody knew."]],
    [
      "an address",
      "See https://example.com/a.b?c=d.e#f! It is there. Or www.example.org.",
      ["See https://example.com/a.b?c=d.e#f! ", "It is there. ", "Or www.example.org."],
    ],
    ["a list", "1. Wash it.\n2. Dry it well.\n\nDone now.", ["1. Wash it.\n", "2. Dry it well.\n\n", "Done now."]],
    ["Spanish", "Vive en la Av. Mayor. Adiós, amigo.", ["Vive en la Av. Mayor. ", "Adiós, amigo."], "es"],
    ["German", "Grüße euch! Ist es 3,5 m lang? Ja.", ["Grüße euch! ", "Ist es 3,5 m lang? ", "Ja."], "de"],
    [
      "German abbreviations",
      "Fragen Sie Dr. Müller, z. B. Montag, bzw. Hrn. Lenz. Er kommt, d. h. Sie auch.",
      ["Fragen Sie Dr. Müller, z. B. Montag, bzw. Hrn. Lenz. ", "Er kommt, d. h. Sie auch."],
      "de",
    ],
    [
      "German ordinals and years",
      "Am 3. Oktober 1990. Danach der 1. Januar! Das kostet 2 Mio. Euro.",
      ["Am 3. Oktober 1990. ", "Danach der 1. Januar! ", "Das kostet 2 Mio. Euro."],
      "de-AT",
    ],
    ["numbers in English", "Take part 3. Then rest a bit.", ["Take part 3. ", "Then rest a bit."]],
    [
      "French",
      "M. Dupont et Mme. Roy, p. ex. Jean, sont là. Bien sûr !",
      ["M. Dupont et Mme. Roy, p. ex. Jean, sont là. ", "Bien sûr !"],
      "fr",
    ],
    [
      "Russian",
      "Живёт в г. Москва, ул. Мира. Это я. Он дома.",
      ["Живёт в г. Москва, ул. Мира. ", "Это я. Он дома."],
      "ru",
    ],
  ];
  for (const [what, text, chunks, language] of cases) {
    it(`are cut in ${what}`, () => {
      assert.deepEqual(chunksOf("sentence", [text], language), chunks);
      assert.deepEqual(chunksOf("sentence", text, language), chunks, "character by character");
    });
  }

  for (const language of ["xx", "constructor", "", "zh-Hant-TW"]) {
    it(`are cut in a language that is not known: ${JSON.stringify(language)}`, () => {
      assert.deepEqual(chunksOf("sentence", ["Ask Dr. Who. Then go."], language), ["Ask Dr. Who. ", "Then go."]);
    });
  }

  it("are never white space alone, and none but the last has almost nothing to say", () => {
    const word = fc.constantFrom(
      "Hi",
      "Dr",
      "1",
      "3.5",
      "z",
      "B",
      "Tomorrow",
      "rain",
      ".",
      "!",
      "...",
      " ",
      "\n",
      "\n\n",
      "**",
      "。",
      "你好",
      '"',
    );
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 60 }),
        fc.constantFrom("en", "de", "ja"),
        (deltas, language) => {
          const text = deltas.join("");
          fc.pre(text.trim() !== "");
          const chunks = chunksOf("sentence", deltas, language);
          assert.equal(chunks.join(""), text);
          assert.deepEqual(chunksOf("sentence", [text], language), chunks, "however the text is cut");
          for (const chunk of chunks) assert.ok(chunk.trim() !== "", JSON.stringify(chunks));
          for (const chunk of chunks.slice(0, -1)) assert.match(chunk, /[\p{L}\p{N}][\s\S]*[\p{L}\p{N}]/u);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("are not cut at a point that may belong to a number", () => {
    const chunks: string[] = [];
    const chunker = makeChunker("sentence", 0, (chunk) => chunks.push(chunk));
    for (const delta of ["It is 3", ".", "14", " now", ".", " "]) chunker.push(delta);
    assert.deepEqual(chunks, []);
    chunker.push("Next");
    assert.deepEqual(chunks, ["It is 3.14 now. "]);
  });
});

describe("chunks by sentence, however the text is split", () => {
  for (const text of [
    "It costs approx. 5 euros. Not 6. ",
    "Hi! How are you? Fine. 42",
    "One.\nTwo.\n\nThree",
    "你好。再见。",
  ]) {
    it(`are the same: ${JSON.stringify(text)}`, () => {
      assert.deepEqual(chunksOf("sentence", text), chunksOf("sentence", [text]));
    });
  }

  it("are sent when no sentence ends for long", () => {
    const chunks: string[] = [];
    const chunker = makeChunker("sentence", 0, (chunk) => chunks.push(chunk));
    for (let delta = 0; delta < 2000; delta++) chunker.push("low. er ");
    assert.ok(chunks.length >= 7, String(chunks.length));
  });
});

describe("chunks of a long delta", () => {
  it("at intervals leave at the end in time that grows with their number alone", () => {
    let count = 0;
    const chunker = makeChunker("interval", 60_000, () => count++);
    quickly(() => {
      for (let delta = 0; delta < 400_000; delta++) chunker.push("a", delta % 2 === 0 ? "reasoning" : "text");
      chunker.flush();
    });
    assert.equal(count, 400_000);
  });

  const units = {
    "ordinary sentences": "This is an ordinary sentence of some eighty characters, as a model writes them. ",
    "short sentences": "A. ",
    "sentences of digits": "1. ",
    "dots alone": ". ",
    "words without an end": "word ",
    "one word": "word",
    "characters of two halves": "😀",
    "sentences without spaces": "你好。",
    "a long sentence and a short one": `${"word ".repeat(390)}end. A. `,
  };
  for (const [what, unit] of Object.entries(units)) {
    it(`by sentence are bounded, and cost no more a character than short pieces do: ${what}`, () => {
      const timeOf = (length: number) => {
        const text = `A. ${unit.repeat(length / unit.length)}`;
        const startedAt = process.cpuUsage().user;
        const chunks = chunksOf("sentence", [text]);
        const ms = (process.cpuUsage().user - startedAt) / 1000;
        assert.equal(chunks.join(""), text);
        assert.ok(chunks.every((chunk) => chunk.length <= 2000));
        assert.ok(!chunks.some((chunk) => /^[\udc00-\udfff]|[\ud800-\udbff]$/.test(chunk)), "half a character");
        return ms;
      };
      timeOf(100_000);
      // Square, it would take a hundred times as long.
      const [short, long] = [timeOf(100_000), timeOf(1_000_000)];
      assert.ok(long < 30 * Math.max(short, 5), `${short} ms for 100 KB, ${long} ms for 1 MB`);
    });
  }

  it("are split between words if no sentence ends", () => {
    const chunks = chunksOf("sentence", ["word ".repeat(1001)]);
    assert.deepEqual(
      chunks.map((chunk) => chunk.length),
      [2000, 2000, 1005],
    );
  });

  for (const [mode, unit] of [
    ["line", "\n"],
    ["sentence", "A sentence. "],
  ] as const) {
    it(`by ${mode} stop when the turn is over, and are flushed as one`, () => {
      const chunks: string[] = [];
      const mayGoOn = () => chunks.length % 10 !== 0;
      const chunker = makeChunker(mode, 0, (chunk) => chunks.push(chunk), mayGoOn);
      assert.equal(chunker.push(unit.repeat(105)), false);
      assert.equal(chunks.length, 10);
      assert.equal(chunker.resume(), false);
      assert.equal(chunks.length, 20);
      for (let turn = 0; turn < 5; turn++) chunker.resume();
      assert.equal(chunks.length, 70);
      chunker.flush();
      assert.equal(chunks.length, 71);
      assert.equal(chunks.at(-1), unit.repeat(35));
      assert.equal(chunker.resume(), true);
      assert.equal(chunks.length, 71);
    });
  }

  it("are the same chunks with turns as without", () => {
    const text = fc.array(fc.constantFrom("Hi", ". ", "\n", "3", "a", "? ", "。", " "), { maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom("sentence", "line"), fc.array(text), (mode, texts) => {
        const deltas = texts.map((parts) => parts.join(""));
        const chunks: string[] = [];
        const chunker = makeChunker(
          mode,
          0,
          (chunk) => chunks.push(chunk),
          () => false,
        );
        for (const delta of deltas) {
          let isDone = chunker.push(delta);
          while (!isDone) isDone = chunker.resume();
        }
        chunker.flush();
        assert.deepEqual(chunks, chunksOf(mode, deltas));
      }),
    );
  });
});

describe("chunks by line", () => {
  const cases: [what: string, text: string, chunks: string[]][] = [
    ["each keeps its line end", "a\nb\n\nc\n", ["a\n", "b\n", "\n", "c\n"]],
    ["CRLF", "a\r\nb\r\n", ["a\r\n", "b\r\n"]],
    ["a last line without an end", "a\nb", ["a\n", "b"]],
    ["no line end", "a. b! c", ["a. b! c"]],
  ];
  for (const [what, text, chunks] of cases) {
    it(`are lines: ${what}`, () => {
      assert.deepEqual(chunksOf("line", [text]), chunks);
      assert.deepEqual(chunksOf("line", text), chunks, "character by character");
    });
  }

  it("are sent as soon as the line ends", () => {
    const chunks: string[] = [];
    const chunker = makeChunker("line", 0, (chunk) => chunks.push(chunk));
    for (const delta of ["a", "b\nc", "d"]) chunker.push(delta);
    assert.deepEqual(chunks, ["ab\n"]);
  });
});
