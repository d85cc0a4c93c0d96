import assert from "node:assert/strict";
import zlib from "node:zlib";
import fc from "fast-check";
import { bodyDecoder, UnknownEncoding } from "../../../../src/client/response/body-decoder";

/** Decodes a body with this Content-Encoding that arrives in pieces of `size` bytes. */
async function decode(encoding: string | string[], body: Buffer | string, size = 7): Promise<string> {
  const decoder = bodyDecoder(encoding);
  const bytes = Buffer.from(body);
  if (!decoder) return bytes.toString();
  const out: Buffer[] = [];
  decoder.on("data", (delta: Buffer) => out.push(delta));
  const end = new Promise<void>((resolve, reject) => decoder.on("end", resolve).on("error", reject));
  for (let at = 0; at < bytes.length; at += size) decoder.write(bytes.subarray(at, at + size));
  decoder.end();
  await end;
  return Buffer.concat(out).toString();
}

/** Makes events whose text does not compress to almost nothing. */
function events(bytes: number): string {
  let text = "";
  for (let i = 0; text.length < bytes; i++)
    text += `data: {"n":${Math.sin(i)},"choices":[{"delta":{"content":"w${i}"}}]}\n\n`;
  return text;
}

const zstd = (zlib as unknown as { zstdCompressSync?: (data: Buffer) => Buffer }).zstdCompressSync;
const packers: Record<string, (text: string | Buffer) => Buffer> = {
  gzip: (text) => zlib.gzipSync(text),
  deflate: (text) => zlib.deflateSync(text),
  br: (text) => zlib.brotliCompressSync(text, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  ...(zstd && { zstd: (text: string | Buffer) => zstd(Buffer.from(text)) }),
};

describe("a compressed body", () => {
  for (const [encoding, pack] of Object.entries({ ...packers, "x-gzip": packers.gzip, GZIP: packers.gzip })) {
    it(`is decompressed: ${encoding}`, async () => {
      // Of these sizes, Brotli writes some with a leading [, as in JSON.
      for (const bytes of [1, 10, 100, 5000, 70_000, 200_000, 500_000, 900_000]) {
        const text = events(bytes);
        assert.equal(await decode(encoding, pack?.(text) ?? "", 4096), text, `${bytes} bytes`);
      }
    });
  }

  it("is decompressed from deflate without a zlib header", async () => {
    for (const level of [0, 1, 9]) {
      const text = events(3000);
      assert.equal(await decode("deflate", zlib.deflateRawSync(text, { level })), text);
    }
  });

  it("is decompressed for each encoding of the header, in its order", async () => {
    const { gzip, br, deflate } = packers;
    assert.ok(gzip && br && deflate);
    assert.equal(await decode("gzip, gzip", gzip(gzip("Hello"))), "Hello");
    assert.equal(await decode("br, identity , gzip", gzip(br("Hello"))), "Hello");
    assert.equal(await decode("deflate, br, gzip", gzip(br(deflate("Hello")))), "Hello");
    assert.equal(await decode(["br", "identity, gzip"], gzip(br("Hello"))), "Hello", "of several headers");
  });

  it("is decompressed once if the header names its encoding twice", async () => {
    assert.equal(await decode("gzip, gzip", zlib.gzipSync('{"a":1}')), '{"a":1}');
    assert.equal(
      await decode("gzip, br", zlib.brotliCompressSync("data: one two three\n\n")),
      "data: one two three\n\n",
    );
  });

  it("is the same however it is split", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(packers)),
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        async (encoding, text, size) => {
          assert.equal(await decode(encoding, packers[encoding]?.(text) ?? "", size), text);
        },
      ),
    );
  });

  it("is passed on as it arrives", async () => {
    for (const [encoding, stream] of [
      ["gzip", zlib.createGzip()],
      ["br", zlib.createBrotliCompress()],
    ] as const) {
      const decoder = bodyDecoder(encoding);
      assert.ok(decoder);
      const first = new Promise<string>((resolve) => decoder.once("data", (bytes) => resolve(String(bytes))));
      stream.on("data", (bytes) => decoder.write(bytes));
      stream.write("data: one\n\n");
      stream.flush(() => {});
      assert.equal(await first, "data: one\n\n");
      decoder.destroy();
      stream.destroy();
    }
  });

  it("with an unsupported encoding fails and names it", async () => {
    for (const encoding of ["snappy", "compress", "constructor"]) {
      await assert.rejects(decode(encoding, Buffer.from([0x1f, 0x9d, 0x90, 1, 2, 3])), (error) => {
        assert.ok(error instanceof UnknownEncoding);
        assert.equal(error.encoding, encoding);
        return true;
      });
    }
    await assert.rejects(decode("gzip, snappy", zlib.gzipSync("Hello")), UnknownEncoding);
    await assert.rejects(decode(new Array(3000).fill("gzip").join(","), zlib.gzipSync("Hello")), UnknownEncoding);
  });

  it("that is damaged fails", async () => {
    const damaged = Buffer.concat([zlib.gzipSync(events(500)).subarray(0, 40), Buffer.alloc(100, 0xff)]);
    await assert.rejects(decode("gzip", damaged));
    await assert.rejects(decode("deflate, gzip", zlib.gzipSync(Buffer.alloc(100, 0xff))));
  });
});

describe("a plain body whose header claims compression", () => {
  const bodies = [
    '{"a":1}',
    "[1]",
    "",
    "data: Hello\n\n",
    ":\n\n",
    "\uFEFFdata: 1\n\n",
    "Bad gateway",
    "<html>",
    '{"ü":"日本語 and more"}',
    "  \r\n\t{}",
  ];
  for (const encoding of ["gzip", "deflate", "br", "zstd", "snappy", "gzip, br"]) {
    it(`is left unchanged: ${encoding}`, async () => {
      for (const body of bodies) {
        for (const size of [1, 3, 100]) assert.equal(await decode(encoding, body, size), body.replace(/^$/, ""));
      }
    });
  }
});

it("a body without an encoding has no decoder", () => {
  for (const encoding of [undefined, "", "identity", " , "]) assert.equal(bodyDecoder(encoding), undefined);
});
