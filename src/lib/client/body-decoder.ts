import type { Transform } from "node:stream";
import zlib from "node:zlib";

/**
 * Undoes a content encoding. None is asked for, but gateways compress all the same, and some say so of a body that
 * is plain: then it is left alone.
 *
 * @param encoding - value of `content-encoding`
 * @param first - the first bytes of the body
 * @returns a stream that decodes, or undefined if there is nothing to undo
 */
export function bodyDecoder(encoding: string | undefined, first: Buffer): Transform | undefined {
  if (!encoding || looksPlain(first)) return undefined;
  switch (encoding.trim().toLowerCase()) {
    case "gzip":
    case "x-gzip":
      return zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH });
    case "deflate":
      return zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH });
    case "br":
      return zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH });
    default:
      return undefined;
  }
}

/** The bytes that a JSON or event-stream body begins with; no compressed one does. */
function looksPlain(first: Buffer): boolean {
  return /^\s*[{[:<]|^(data|event|id|retry)\b/.test(first.toString("latin1", 0, 16));
}
