import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeStop, unescapeStop } from "../../../../src/editor/fields/stop-list";

describe("a stop sequence in its field", () => {
  it("is written on one line", () => {
    assert.equal(escapeStop('a\n\t\r\\n"'), 'a\\n\\t\\r\\\\n"');
    assert.equal(unescapeStop("\\n \\x \\"), "\n \\x \\");
  });

  it("comes back as it was", () => {
    const texts = fc.string({ unit: fc.constantFrom("\n", "\t", "\r", "\\", "n", "t", "é", "😀", " ") });
    fc.assert(
      fc.property(texts, (text) => {
        const written = escapeStop(text);
        assert.doesNotMatch(written, /[\n\t\r]/);
        assert.equal(unescapeStop(written), text);
      }),
    );
  });
});
