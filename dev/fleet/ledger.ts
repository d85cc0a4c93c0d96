/** Pieces of each reply of the stand-in (see `model.ts`). */
export const PIECES = 12;

/** A message of the asking flow. */
export interface Answer {
  /** The number of the question. */
  number: number;
  payload: string;
  run?: string;
  /** Only on chunks. */
  parts?: { id: string; index: number };
  error?: { code: string };
}

interface Question {
  /** The conversation, or a name of its own. */
  name: string;
  turn: number;
  askedAt: number;
  /** The chunks received, one entry for each worker's attempt, in order of arrival. */
  streams: { run: string | undefined; parts: string | undefined; next: number; text: string }[];
  reply?: string;
}

/** Checks the fate of every question, by what the stand-in writes into its replies (see `model.ts`). */
export class Ledger {
  readonly #questions: Question[] = [];
  readonly #problems: string[] = [];
  #failed = 0;
  replies = 0;
  chunks = 0;
  /** The longest time from a question to its reply, in ms. */
  slowestMs = 0;
  /** Replies whose chunks were complete. */
  streamed = 0;
  /** Requests that held a question of the conversation twice. */
  heardTwice = 0;

  /** @returns the number of a new question */
  ask(name: string, turn: number): number {
    this.#questions.push({ name, turn, askedAt: performance.now(), streams: [] });
    return this.#questions.length - 1;
  }

  get open(): number {
    return this.#questions.length - this.replies - this.#failed;
  }

  chunk({ number, payload, run, parts }: Answer): void {
    const question = this.#question(number);
    this.chunks++;
    if (question.reply !== undefined) this.#problem(question, "a chunk came after the reply");
    const known = question.streams.find((stream) => stream.run === run);
    const stream = known ?? { run, parts: parts?.id, next: 0, text: "" };
    if (!known) question.streams.push(stream);
    if (stream !== question.streams.at(-1)) this.#problem(question, "chunks of two replies are mixed");
    // Behind a tool call the next round begins.
    if (stream.parts !== parts?.id && parts?.index === 0) Object.assign(stream, { parts: parts.id, next: 0 });
    if (stream.parts !== parts?.id || stream.next !== parts?.index)
      this.#problem(question, "a chunk is not the next one");
    stream.next++;
    stream.text += payload;
  }

  reply({ number, payload, run }: Answer): void {
    const question = this.#question(number);
    if (question.reply !== undefined) {
      this.#problem(question, "answered twice");
      return;
    }
    this.replies++;
    question.reply = payload;
    this.slowestMs = Math.max(this.slowestMs, performance.now() - question.askedAt);
    const [heard = "", pieces = ""] = payload.split(" | ");
    this.#checkHeard(question, heard);
    const stream = question.streams.find((candidate) => candidate.run === run);
    if (stream?.text === payload) this.streamed++;
    for (const { text } of question.streams) this.#checkPieces(question, text.split(" | ")[1] ?? "");
    this.#checkPieces(question, pieces);
    if (pieces.split(" ").length !== PIECES) this.#problem(question, "the reply is not whole");
  }

  failed({ number, error }: Answer): void {
    this.#failed++;
    this.#problem(this.#question(number), `failed: ${error?.code}`);
  }

  /** Returns the problems found, in words. */
  audit(): string[] {
    const lost = this.#questions.filter(({ reply }) => reply === undefined);
    return [...this.#problems, ...lost.map(({ name, turn }) => `${name}, question ${turn}: never answered`)];
  }

  /** Checks that the request contained all questions of the conversation so far, in order. */
  #checkHeard(question: Question, heard: string): void {
    const [results, name, ...turns] = heard.split(" ");
    const once = turns.filter((turn, at) => turn !== turns[at - 1]);
    const expected = Array.from({ length: question.turn }, (_, index) => String(index + 1));
    const calls = turns.filter((turn) => Number(turn) % 2 === 0).length;
    if (Number(results) !== calls) this.#problem(question, `the model heard ${results} results of ${calls} calls`);
    if (once.length < turns.length) this.heardTwice++;
    if (name !== question.name || once.join() !== expected.join())
      this.#problem(question, `the model heard "${heard}" of the conversation`);
  }

  /** Checks that the pieces of a reply count from 0 under one number. */
  #checkPieces(question: Question, pieces: string): void {
    const [first = ""] = pieces.split(".");
    const isWhole = pieces.split(" ").every((piece, index) => `${first}.${index}`.startsWith(piece));
    if (pieces !== "" && !isWhole) this.#problem(question, `pieces of two replies are mixed: ${pieces}`);
  }

  #question(number: number): Question {
    const question = this.#questions[number];
    if (!question) throw new Error(`there is no question ${number}`);
    return question;
  }

  #problem({ name, turn }: Question, what: string): void {
    this.#problems.push(`${name}, question ${turn}: ${what}`);
  }
}
