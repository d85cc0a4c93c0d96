/** When a piece of a reply is handed on: as it comes, at most every so many ms, or by sentence or line. */
export type ChunkMode = "token" | "interval" | "sentence" | "line";

export const CHUNK_MODES: readonly ChunkMode[] = ["token", "interval", "sentence", "line"];

/** In characters. Looking for the end of a sentence costs the more the longer it is. */
const LONGEST_SENTENCE = 2000;

/** What a piece belongs to: the reply, or what the model thought before. */
export type PieceKind = "text" | "reasoning";

/** Cuts a text that comes in pieces into chunks of one kind each, in their order. Together the chunks are the text. */
export interface Chunker {
  push(piece: string, kind?: PieceKind): void;
  /** Hands on what is held back. Call it at the end, or before something else is sent. */
  flush(): void;
}

/**
 * @param intervalMs - for the mode `interval`
 * @param emit - takes the chunks and their kinds, never an empty one
 */
export function makeChunker(mode: ChunkMode, intervalMs: number, emit: Emit): Chunker {
  switch (mode) {
    case "token":
      return { push: (piece, kind = "text") => emit(piece, kind), flush: () => {} };
    case "interval":
      return intervalChunker(intervalMs, emit);
    case "sentence":
      return boundaryChunker(sentences, maySentenceEnd, LONGEST_SENTENCE, emit);
    case "line":
      return boundaryChunker(lines, (piece) => piece.includes("\n"), Number.POSITIVE_INFINITY, emit);
  }
}

type Emit = (chunk: string, kind: PieceKind) => void;

/**
 * The first piece goes at once; then one timer runs as long as pieces come. Where one kind follows another, each has its
 * own turn.
 */
function intervalChunker(intervalMs: number, emit: Emit): Chunker {
  const pending: { kind: PieceKind; chunk: string }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const emitNext = () => {
    const next = pending.shift();
    if (next) emit(next.chunk, next.kind);
    return next !== undefined;
  };
  const tick = () => {
    timer = emitNext() ? setTimeout(tick, intervalMs) : undefined;
  };
  return {
    push(piece, kind = "text") {
      const last = pending.at(-1);
      if (last?.kind === kind) last.chunk += piece;
      else if (piece) pending.push({ kind, chunk: piece });
      if (!timer) tick();
    },
    flush() {
      clearTimeout(timer);
      timer = undefined;
      while (emitNext());
    },
  };
}

/**
 * Holds text back until a boundary has come.
 *
 * @param split - cuts a text into chunks, the last of which is still open
 * @param mayEnd - whether a piece may bring a boundary behind what was there before, so that most are only added
 * @param longest - what is held is handed on when it is longer
 */
function boundaryChunker(
  split: (text: string) => string[],
  mayEnd: (piece: string, before: string) => boolean,
  longest: number,
  emit: Emit,
): Chunker {
  let pending = "";
  let pendingKind: PieceKind = "text";
  const flush = () => {
    const chunk = pending;
    pending = "";
    if (chunk) emit(chunk, pendingKind);
  };
  return {
    push(piece, kind = "text") {
      if (kind !== pendingKind) {
        flush();
        pendingKind = kind;
      }
      const isPossible = mayEnd(piece, pending);
      pending += piece;
      if (!isPossible) return;
      const chunks = split(pending);
      pending = chunks.pop() ?? "";
      for (const chunk of chunks) emit(chunk, kind);
      if (pending.length > longest) flush();
    },
    flush,
  };
}

let segmenter: Intl.Segmenter | undefined;

const TERMINATOR = /[\p{STerm}\n\r\u2028\u2029]/u;
/** Behind the end of a sentence, before the next letter, which decides whether it was one: "3." may go on as "3.14". */
const UNDECIDED = /[\p{STerm}\n\r\u2028\u2029][^\p{L}]*$/u;

function maySentenceEnd(piece: string, before: string): boolean {
  return TERMINATOR.test(piece) || UNDECIDED.test(before.slice(-64));
}

/** A sentence has ended when the next one has begun with a letter. */
function sentences(text: string): string[] {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "sentence" });
  const found = Array.from(segmenter.segment(text), ({ segment }) => segment);
  const last = found.at(-1) ?? "";
  const before = found.at(-2);
  if (before === undefined || /\p{L}/u.test(last) || /[\n\r\u2028\u2029]$/.test(before)) return found;
  return [...found.slice(0, -2), before + last];
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
