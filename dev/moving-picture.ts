import { deflateSync } from "node:zlib";

/** One image of an animation. */
export interface Frame {
  /** A PNG. All frames have the same size and colour type. */
  png: Buffer;
  /** How long it stays, in milliseconds. */
  ms: number;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The CRC of PNG: https://www.w3.org/TR/png-3/#D-CRCAppendix */
const CRC_TABLE = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc >>> 0;
});

/**
 * Puts PNGs together as an animated one (https://www.w3.org/TR/png-3/#apng-frame-based-animation), which plays for ever.
 *
 * @throws Error if there is no frame, or a frame has another size or colour type than the first one
 */
export function animate(frames: readonly Frame[]): Buffer {
  const [first] = frames;
  if (!first) throw new Error("there is no frame");
  const header = dataOf(first.png, "IHDR");
  const parts = [SIGNATURE, chunk("IHDR", header), chunk("acTL", numbers(frames.length, 0))];
  let sequence = 0;
  for (const { png, ms } of frames) {
    if (!dataOf(png, "IHDR").equals(header)) throw new Error("a frame has another size");
    const size = [header.readUInt32BE(0), header.readUInt32BE(4)];
    const delay = Buffer.from([ms >> 8, ms & 0xff, 1000 >> 8, 1000 & 0xff, 0, 0]);
    parts.push(chunk("fcTL", Buffer.concat([numbers(sequence++, ...size, 0, 0), delay])));
    const pixels = dataOf(png, "IDAT");
    // The first frame is also what programs show that know no animations.
    if (png === first.png) parts.push(chunk("IDAT", pixels));
    else parts.push(chunk("fdAT", Buffer.concat([numbers(sequence++), pixels])));
  }
  return Buffer.concat([...parts, chunk("IEND", Buffer.alloc(0))]);
}

/** Returns a PNG of one colour. */
export function plain(width: number, height: number, [red, green, blue]: [number, number, number]): Buffer {
  const header = Buffer.concat([numbers(width, height), Buffer.from([8, 2, 0, 0, 0])]);
  const row = Buffer.from([0, ...Array.from({ length: width }, () => [red, green, blue]).flat()]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  return Buffer.concat([SIGNATURE, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

/** Returns the data of all chunks of one type, joined. */
function dataOf(png: Buffer, type: string): Buffer {
  const found: Buffer[] = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === type) found.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return Buffer.concat(found);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  return Buffer.concat([numbers(data.length), body, numbers(crc32(body))]);
}

function crc32(data: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Writes numbers as PNG does, in four bytes each. */
function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, index * 4);
  });
  return bytes;
}
