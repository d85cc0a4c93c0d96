/** When a piece of a reply is handed on: as it comes, at most every so many ms, or by sentence or line. */
export type ChunkMode = "token" | "interval" | "sentence" | "line";

export const CHUNK_MODES: readonly ChunkMode[] = ["token", "interval", "sentence", "line"];

/** Cuts a text that comes in pieces into chunks. Together the chunks are the text. */
export interface Chunker {
  push(piece: string): void;
  /** Hands on what is held back. Call it at the end, or before something else is sent. */
  flush(): void;
}

/**
 * @param intervalMs - for the mode `interval`
 * @param emit - takes the chunks, never an empty one
 */
export function makeChunker(mode: ChunkMode, intervalMs: number, emit: (chunk: string) => void): Chunker {
  switch (mode) {
    case "token":
      return { push: emit, flush: () => {} };
    case "interval":
      return intervalChunker(intervalMs, emit);
    case "sentence":
      return boundaryChunker(/[\p{STerm}\n\r\u2028\u2029]/u, sentences, emit);
    case "line":
      return boundaryChunker(/\n/, lines, emit);
  }
}

/** The first piece goes at once; then one timer runs as long as pieces come. */
function intervalChunker(intervalMs: number, emit: (chunk: string) => void): Chunker {
  let pending = "";
  let timer: NodeJS.Timeout | undefined;
  const emitPending = () => {
    const chunk = pending;
    pending = "";
    if (chunk) emit(chunk);
    return chunk !== "";
  };
  const tick = () => {
    timer = emitPending() ? setTimeout(tick, intervalMs) : undefined;
  };
  return {
    push(piece) {
      pending += piece;
      if (!timer) tick();
    },
    flush() {
      clearTimeout(timer);
      timer = undefined;
      emitPending();
    },
  };
}

/**
 * Holds text back until a boundary has come.
 *
 * @param hint - what a piece must hold for a boundary to be possible, so that most pieces are only added
 * @param split - cuts a text into chunks, the last of which is still open
 */
function boundaryChunker(hint: RegExp, split: (text: string) => string[], emit: (chunk: string) => void): Chunker {
  let pending = "";
  let mayEnd = false;
  return {
    push(piece) {
      pending += piece;
      mayEnd ||= hint.test(piece);
      if (!mayEnd) return;
      const chunks = split(pending);
      pending = chunks.pop() ?? "";
      mayEnd = hint.test(pending);
      for (const chunk of chunks) emit(chunk);
    },
    flush() {
      const chunk = pending;
      pending = "";
      mayEnd = false;
      if (chunk) emit(chunk);
    },
  };
}

let segmenter: Intl.Segmenter | undefined;

/** A sentence has ended when the next one begins: "3." may go on as "3.14". */
function sentences(text: string): string[] {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "sentence" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function lines(text: string): string[] {
  const end = text.lastIndexOf("\n") + 1;
  return [
    ...text
      .slice(0, end)
      .split(/(?<=\n)/)
      .filter(Boolean),
    text.slice(end),
  ];
}
