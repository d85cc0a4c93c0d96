import type { QuestionFigures, TotalsResponse } from "../shared/admin-api";

/** Questions of a node that are noted; of more the oldest go. */
export const MOST_NOTED = 50;

/** The last questions of chat nodes, by the id that the editor knows. They outlive a deploy, and are not stored. */
const noted = new Map<string, QuestionFigures[]>();
/** What the questions of configurations came to, by id. */
const totals = new Map<string, TotalsResponse>();

/** Returns the last questions of a node, to be read and added to. */
export function notedQuestions(id: string): QuestionFigures[] {
  const known = noted.get(id) ?? [];
  noted.set(id, known);
  return known;
}

/** Returns the totals of a configuration, to be read and added to. */
export function totalsOf(id: string): TotalsResponse {
  const known = totals.get(id) ?? { questions: 0, failed: 0, prompt_tokens: 0, completion_tokens: 0, cost: 0 };
  totals.set(id, known);
  return known;
}

/** Forgets nodes that are gone. */
export function forgetQuestions(isGone: (id: string) => boolean): void {
  for (const map of [noted, totals]) for (const id of map.keys()) if (isGone(id)) map.delete(id);
}
