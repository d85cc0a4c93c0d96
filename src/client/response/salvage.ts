import type { Transform } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Sizes of the pieces in which damage is looked for, each within a piece of the size before. */
const STEPS = [4096, 256, 16, 1];

/**
 * Unpacks everything before the damage in a packed body. zlib returns nothing of a write with a mistake in it, and all of a
 * short reply may have come in that write.
 *
 * @param makeDecoder - makes another stream like the one that failed
 * @param packed - the body from its first byte on
 * @param skip - bytes that were unpacked before it failed
 * @returns what comes behind them
 */
export async function salvage(makeDecoder: () => Transform | undefined, packed: Buffer, skip: number): Promise<Buffer> {
  let good = 0;
  for (const step of STEPS) good = (await unpack(makeDecoder(), packed, good, step)).good;
  const { deltas } = await unpack(makeDecoder(), packed.subarray(0, good), good, 1);
  return Buffer.concat(deltas).subarray(skip);
}

/**
 * @param start - bytes that are known to be good, and go in one write
 * @param step - bytes of each further write
 * @returns how many bytes could be unpacked, and what they are
 */
async function unpack(decoder: Transform | undefined, packed: Buffer, start: number, step: number) {
  const deltas: Buffer[] = [];
  if (!decoder) return { good: 0, deltas };
  let isBroken = false;
  const broken = new Promise<void>((resolve) => {
    decoder.on("data", (delta: Buffer) => deltas.push(delta));
    decoder.on("error", () => {
      isBroken = true;
      resolve();
    });
    // Behind the end of what is packed, nothing is looked at.
    decoder.on("end", resolve);
  });
  let good = 0;
  while (good < packed.length) {
    const end = good === 0 && start > 0 ? start : Math.min(good + step, packed.length);
    const written = new Promise<void>((resolve) => decoder.write(packed.subarray(good, end), () => resolve()));
    await Promise.race([written, broken]);
    if (isBroken) break;
    good = end;
  }
  await nextTurn();
  decoder.destroy();
  return { good, deltas };
}
