import assert from "node:assert/strict";
import { PROGRESS, REPLY_EVENTS, type Verdict, verdictOn } from "../../../../src/client/response/verdict";

/** Each cell is `ok`, `wait`, or the key of the failure, with `again` if another attempt may succeed. */
const TABLE = `
            | head                | error status    | opened              | begun            | finished  | done
  end       | reply_senseless     | by status again | reply_incomplete    | ok               | ok        | ok
  cut       | reply_incomplete    | by status again | reply_incomplete    | reply_incomplete | ok        | ok
  reset     | by connection again | by status again | by connection again | by connection    | ok        | ok
  silent    | silent              | by status again | silent              | silent_midway    | ok        | ok
  aborted   | cancelled           | cancelled       | cancelled           | cancelled        | cancelled | ok
  too long  | reply_too_long      | by status again | reply_too_long      | reply_too_long   | ok        | ok
  damaged   | reply_senseless     | by status again | reply_senseless     | reply_damaged    | wait      | wait
`;

function inWords(verdict: Verdict): string {
  if (verdict.outcome === "succeed") return "ok";
  if (verdict.outcome === "wait") return "wait";
  return verdict.key + (verdict.mayRetry ? " again" : "");
}

describe("the verdict on a reply", () => {
  const [head = [], ...rows] = TABLE.trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const columns = head.filter(Boolean);

  it("is defined for every event at every stage", () => {
    assert.deepEqual(columns, [...PROGRESS]);
    assert.deepEqual(
      rows.map(([event]) => event),
      [...REPLY_EVENTS],
    );
  });

  for (const event of REPLY_EVENTS) {
    for (const progress of PROGRESS) {
      const wanted = rows.find(([name]) => name === event)?.[1 + columns.indexOf(progress)];
      it(`is "${wanted}" where "${event}" meets "${progress}"`, () => {
        assert.equal(inWords(verdictOn(event, progress)), wanted);
      });
    }
  }
});
