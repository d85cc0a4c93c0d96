import { LONGEST_TIMER_MS } from "../client/internal";
import { LONGEST_SENTENCE, maySentenceEnd, sentenceEnds, sentenceRules } from "./sentences";

/** When a part of a reply is handed on: as it comes, at intervals, or by sentence or line. For a snapshot, too, at intervals. */
export type ChunkMode = "token" | "interval" | "sentence" | "line" | "snapshot";

export const CHUNK_MODES: readonly ChunkMode[] = ["token", "interval", "sentence", "line", "snapshot"];

/** What a delta belongs to: the text of the reply, or the reasoning before it. */
export type DeltaKind = "text" | "reasoning";

/** Cuts deltas into chunks of one kind each, in their order. Joined, the chunks are the text. */
export interface Chunker {
  /** @returns false if chunks are left, for which `resume` is to be called before the next piece comes */
  push(delta: string, kind?: DeltaKind): boolean;
  /** Hands on chunks that are left. @returns false if there are still more */
  resume(): boolean;
  /** Hands on what is held back or left, in one chunk. Call it at the end, or before something else is sent. */
  flush(): void;
}

/**
 * @param intervalMs - for the modes `interval` and `snapshot`
 * @param emit - takes the chunks and their kinds, never an empty one
 * @param mayGoOn - asked after a chunk: false leaves the rest of a piece for later. A piece may hold millions of lines
 * @param language - for the mode `sentence`: its code
 */
export function makeChunker(
  mode: ChunkMode,
  intervalMs: number,
  emit: Emit,
  mayGoOn = () => true,
  language = "en",
): Chunker {
  switch (mode) {
    case "token":
      return tokenChunker(emit);
    case "interval":
    case "snapshot":
      return intervalChunker(intervalMs, emit);
    case "sentence": {
      const rules = sentenceRules(language);
      const ends = (text: string) => sentenceEnds(text, rules);
      return boundaryChunker({ ends, mayEnd: maySentenceEnd, longest: LONGEST_SENTENCE }, emit, mayGoOn);
    }
    case "line":
      return boundaryChunker({ ends: lineEnds, mayEnd: hasLineEnd, longest: Number.POSITIVE_INFINITY }, emit, mayGoOn);
  }
}

type Emit = (chunk: string, kind: DeltaKind) => void;

function tokenChunker(emit: Emit): Chunker {
  return {
    push(delta, kind = "text") {
      emit(delta, kind);
      return true;
    },
    resume: () => true,
    flush: () => {},
  };
}

/**
 * The first piece goes at once; then one timer runs as long as pieces come. Where one kind follows another, each has its
 * own turn.
 */
function intervalChunker(intervalMs: number, emit: Emit): Chunker {
  const pending: { kind: DeltaKind; chunk: string }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const emitNext = () => {
    const next = pending.shift();
    if (next) emit(next.chunk, next.kind);
    return next !== undefined;
  };
  const tick = () => {
    timer = emitNext() ? setTimeout(tick, Math.min(intervalMs, LONGEST_TIMER_MS)) : undefined;
  };
  return {
    push(delta, kind = "text") {
      const last = pending.at(-1);
      if (last?.kind === kind) last.chunk += delta;
      else if (delta) pending.push({ kind, chunk: delta });
      if (!timer) tick();
      return true;
    },
    resume: () => true,
    flush() {
      clearTimeout(timer);
      timer = undefined;
      // Not one by one from the front: of a long list that is O(n²).
      for (const { chunk, kind } of pending.splice(0)) emit(chunk, kind);
    },
  };
}

/** Where a text is cut. */
interface Boundaries {
  /** The places behind the chunks of a text that are whole, in their order. */
  ends(text: string): Iterator<number>;
  /** Whether a piece may bring a boundary behind what was there before, so that most are only added. */
  mayEnd(delta: string, before: string): boolean;
  /** What is held back is at most so long. */
  longest: number;
}

/** Holds text back until a boundary has come. */
function boundaryChunker({ ends, mayEnd, longest }: Boundaries, emit: Emit, mayGoOn: () => boolean): Chunker {
  let pending = "";
  let pendingKind: DeltaKind = "text";
  /** What has been handed on of it. */
  let at = 0;
  let open: Iterator<number> | undefined;
  const take = () => {
    const rest = at > 0 ? pending.slice(at) : pending;
    pending = "";
    at = 0;
    open = undefined;
    return rest;
  };
  const flush = () => {
    const rest = take();
    if (rest) emit(rest, pendingKind);
  };
  const resume = () => {
    for (let next = open?.next(); next && !next.done; next = open?.next()) {
      emit(pending.slice(at, next.value), pendingKind);
      at = next.value;
      if (!mayGoOn()) return false;
    }
    pending = take();
    return true;
  };
  return {
    push(delta, kind = "text") {
      if (kind !== pendingKind) {
        flush();
        pendingKind = kind;
      }
      const before = take();
      pending = before + delta;
      if (pending.length <= longest && !mayEnd(delta, before)) return true;
      open = ends(pending);
      return resume();
    },
    resume,
    flush,
  };
}

const hasLineEnd = (delta: string): boolean => delta.includes("\n");

function* lineEnds(text: string): Generator<number> {
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) yield at + 1;
}
