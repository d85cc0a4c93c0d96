import assert from "node:assert/strict";
import { createLimitBoxes, isAmount } from "../../../../src/editor/fields/limit-boxes";

/** What the boxes need of an input. */
const box = () => {
  const listeners: (() => void)[] = [];
  return {
    value: "",
    isBad: false,
    classList: {
      toggle(_name: string, isBad: boolean) {
        this.isBad = isBad;
      },
      isBad: false,
    },
    addEventListener: (_event: string, listener: () => void) => listeners.push(listener),
    type(written: string) {
      this.value = written;
      for (const listener of listeners) listener();
    },
  };
};
const open = (given: unknown) => {
  const [questions, usd] = [box(), box()];
  const boxes = createLimitBoxes(given, [questions, usd] as never);
  return { boxes, questions, usd };
};

describe("the boxes of limits", () => {
  const tokens = { amount: 9, unit: "tokens", per: "hour" };
  const questions = { amount: "3", unit: "questions", per: "minute", note: "kept" };
  const usd = { amount: 1, unit: "usd", per: "day" };

  for (const given of [undefined, [], "", "${LIMITS}", [tokens, questions], { ...usd }, [null, 5, usd]]) {
    it(`change nothing while nothing is typed: ${JSON.stringify(given)}`, () => {
      assert.equal(open(given).boxes.value(), given);
    });
  }

  const typed: [what: string, given: unknown, written: [string, string], expected: unknown][] = [
    [
      "add what was not there",
      [tokens],
      ["5", "0.5"],
      [tokens, { ...questions, amount: 5, note: undefined }, { ...usd, amount: 0.5 }],
    ],
    ["change an amount alone", [questions, tokens], ["7", ""], [{ ...questions, amount: 7 }, tokens]],
    ["take out what is blanked", [questions, tokens, usd], ["", "1"], [tokens, usd]],
    ["keep a variable as text", [], ["${MOST}", ""], [{ amount: "${MOST}", unit: "questions", per: "minute" }]],
  ];
  for (const [what, given, [first, second], expected] of typed) {
    it(what, () => {
      const form = open(given);
      form.questions.type(first);
      form.usd.type(second);
      assert.deepEqual(JSON.parse(JSON.stringify(form.boxes.value())), JSON.parse(JSON.stringify(expected)));
    });
  }

  it("take a number above zero, a variable, or nothing", () => {
    for (const good of ["", "1", "0.5", ".5", "+2", "${NAME}"]) assert.ok(isAmount(good), good);
    for (const bad of ["0", "-1", "many", "1,5", "0x10", "1e3x"]) assert.ok(!isAmount(bad), bad);
  });
});
