import type { ErrorKey } from "../errors/chat-error";

/** What can happen to a reply while it is read. */
export const REPLY_EVENTS = [
  /** The body has ended, with the end mark of its stream or as a whole document. */
  "end",
  /** The body has ended without the end mark of its stream. */
  "cut",
  /** The connection has failed. */
  "reset",
  /** Nothing has come for as long as a server may be silent. */
  "silent",
  /** The user has ended the question. */
  "aborted",
  /** More has come than is allowed without an end of the event, or without adding to the reply. */
  "too long",
  /** The body cannot be unpacked, or an event of it cannot be read. */
  "damaged",
] as const;
export type ReplyEvent = (typeof REPLY_EVENTS)[number];

/** How far a reply has come. */
export const PROGRESS = [
  /** No choice has come, perhaps not even the headers. */
  "head",
  /** The headers have come, with a status other than 2xx. */
  "error status",
  /** A choice has come, without text, reasoning or a call. */
  "opened",
  /** Text, reasoning or a call has come: from here on nothing is retried. */
  "begun",
  /** A finish reason has come. */
  "finished",
  /** The end mark of the stream has come. */
  "done",
] as const;
export type Progress = (typeof PROGRESS)[number];

/** What makes the error: the status and body of the answer, the failure of the connection, or the event itself. */
export type FailureKey =
  | "by status"
  | "by connection"
  | Extract<
      ErrorKey,
      | "silent"
      | "silent_midway"
      | "cancelled"
      | "reply_incomplete"
      | "reply_senseless"
      | "reply_damaged"
      | "reply_too_long"
    >;

export type Verdict =
  | { outcome: "succeed" }
  /** Nothing is decided: reading goes on. */
  | { outcome: "wait" }
  /** `mayRetry`: another attempt may go better, if the error itself says so. */
  | { outcome: "fail"; key: FailureKey; mayRetry: boolean };

const SUCCEED: Verdict = { outcome: "succeed" };
const WAIT: Verdict = { outcome: "wait" };
const final = (key: FailureKey): Verdict => ({ outcome: "fail", key, mayRetry: false });
const passing = (key: FailureKey): Verdict => ({ outcome: "fail", key, mayRetry: true });

/** With a finish reason a reply is whole, however its body ends; with an error status the status says what is wrong. */
const VERDICTS: Record<ReplyEvent, Record<Progress, Verdict>> = {
  end: {
    head: final("reply_senseless"),
    "error status": passing("by status"),
    opened: final("reply_incomplete"),
    begun: SUCCEED, // some servers send no finish reason
    finished: SUCCEED,
    done: SUCCEED,
  },
  cut: {
    head: final("reply_incomplete"),
    "error status": passing("by status"),
    opened: final("reply_incomplete"),
    begun: final("reply_incomplete"),
    finished: SUCCEED,
    done: SUCCEED,
  },
  reset: {
    head: passing("by connection"),
    "error status": passing("by status"),
    opened: passing("by connection"),
    begun: final("by connection"),
    finished: SUCCEED,
    done: SUCCEED,
  },
  silent: {
    head: final("silent"),
    "error status": passing("by status"),
    opened: final("silent"),
    begun: final("silent_midway"),
    finished: SUCCEED,
    done: SUCCEED,
  },
  aborted: {
    head: final("cancelled"),
    "error status": final("cancelled"),
    opened: final("cancelled"),
    begun: final("cancelled"),
    finished: final("cancelled"),
    done: SUCCEED,
  },
  "too long": {
    head: final("reply_too_long"),
    "error status": passing("by status"),
    opened: final("reply_too_long"),
    begun: final("reply_too_long"),
    finished: SUCCEED,
    done: SUCCEED,
  },
  damaged: {
    head: final("reply_senseless"),
    "error status": passing("by status"),
    opened: final("reply_senseless"),
    begun: final("reply_damaged"),
    // The usage may still follow a damaged event. Where nothing can be read any more, the end of the body follows.
    finished: WAIT,
    done: WAIT,
  },
};

/** Decides whether a reply succeeds, fails or goes on. The only place that does. */
export function verdictOn(event: ReplyEvent, progress: Progress): Verdict {
  return VERDICTS[event][progress];
}
