import assert from "node:assert/strict";
import {
  checkEnvironment,
  readBoolean,
  readChoice,
  readNumber,
  readObject,
} from "../../../../src/conversation/request/fields";
import { isRefused } from "../../../support/errors";

describe("values as flow files have them", () => {
  it("are objects, or objects as text", () => {
    for (const blank of [undefined, null, "", " \n", "{}"]) assert.deepEqual(readObject(blank, "headers"), {});
    assert.deepEqual(readObject('{"a": 1}', "headers"), { a: 1 });
    assert.deepEqual(readObject({ a: 1 }, "headers"), { a: 1 });
  });

  it("are switches, or switches as text", () => {
    assert.deepEqual(
      [true, "true", false, "false"].map((value) => readBoolean(value, "stream")),
      [true, true, false, false],
    );
    for (const value of ["", 1, 0, null, "yes"]) isRefused(() => readBoolean(value, "stream"), "option_boolean");
    isRefused(() => readBoolean("${STREAM}", "stream"), "env_missing", /STREAM/);
  });

  it("are numbers, or numbers as text", () => {
    assert.equal(readNumber("30", "timeout"), 30);
    isRefused(() => readNumber(null, "timeout"), "option_number");
    isRefused(() => readNumber("x".repeat(500), "timeout"), "option_number", /^.{0,200}$/);
  });

  it("are one of several words", () => {
    assert.equal(readChoice("b", "format", ["a", "b"]), "b");
    for (const value of ["c", "", 1, undefined, null, {}]) {
      isRefused(() => readChoice(value, "format", ["a", "b"]), "option_choice", /^format is .*Choose one of: a, b\.$/);
    }
    isRefused(() => readChoice("${FORMAT}", "format", ["a"]), "env_missing", /FORMAT/);
  });

  it("report a missing variable only if the whole value is one", () => {
    isRefused(
      () => checkEnvironment(" ${A_B} ", "model"),
      "env_missing",
      /^Variable not set: A_B, named in the field model/,
    );
    for (const value of ["a ${B}", "$B", "${}", "{B}", "", 5, undefined]) checkEnvironment(value, "model");
  });
});
