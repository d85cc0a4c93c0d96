import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import fc from "fast-check";
import {
  backoff,
  isRetryableStatus,
  requestedPause,
  requestedWait,
  shouldRetryHeader,
} from "../../../src/client/retry";

const NOW = Date.parse("2026-03-01T12:00:00Z");

describe("the wait that a server asks for", () => {
  const cases: [headers: IncomingHttpHeaders, seconds: number | undefined][] = [
    [{}, undefined],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "7" }, 7],
    [{ "retry-after": " 7 " }, 7],
    [{ "retry-after": "1.5" }, 1.5],
    [{ "retry-after": "3600" }, 3600],
    [{ "retry-after": "Sun, 01 Mar 2026 12:00:30 GMT" }, 30],
    // The date was made by the server's clock, not by ours.
    [{ "retry-after": "Thu, 01 Jan 2099 00:00:10 GMT", date: "Thu, 01 Jan 2099 00:00:00 GMT" }, 10],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:10 GMT", date: "Thu, 01 Jan 1970 00:00:03 GMT" }, 7],
    [{ "retry-after": "Sun, 01 Mar 2026 12:00:30 GMT", date: "Sun, 01 Mar 2026 12:00:40 GMT" }, 0],
    [{ "retry-after": "2026-03-01T12:00:30Z", date: "Sun, 01 Mar 2026 12:00:25 GMT" }, 5],
    [{ "retry-after": "7", date: "Thu, 01 Jan 1970 00:00:00 GMT" }, 7],
    [{ "retry-after": "Sunday, 01-Mar-26 12:00:30 GMT" }, 30],
    [{ "retry-after": "2026-03-01T12:00:30Z" }, 30],
    [{ "retry-after": "Sun, 01 Mar 2026 11:00:00 GMT" }, 0],
    [{ "retry-after-ms": "250" }, 0.25],
    [{ "retry-after-ms": "0" }, 0],
    [{ "retry-after-ms": "250.5" }, 0.2505],
    [{ "retry-after-ms": "250", "retry-after": "7" }, 0.25],
    [{ "retry-after-ms": "soon", "retry-after": "7" }, 7],
    [{ "retry-after-ms": "-1", "retry-after": "7" }, 7],
    [{ "retry-after-ms": "Infinity", "retry-after": "7" }, 7],
  ];
  for (const [headers, seconds] of cases) {
    it(`is ${seconds} s with ${JSON.stringify(headers)}`, () => {
      assert.equal(headers.date ? requestedWait(headers) : requestedWait(headers, NOW), seconds);
    });
  }

  for (const junk of ["", " ", "soon", "soon 5", "-5", "1e400", "NaN", "Infinity", "6m0s", "1,2", "Mon", "null"]) {
    it(`is none with the invalid Retry-After "${junk}"`, () => {
      assert.equal(requestedWait({ "retry-after": junk }, NOW), undefined);
    });
  }

  it("is measured by the server's clock if the response has a date: ours may be wrong by years", () => {
    const date = "Sun, 01 Mar 2026 12:00:00 GMT";
    assert.equal(requestedWait({ date, "retry-after": "Sun, 01 Mar 2026 12:00:05 GMT" }), 5);
    assert.equal(requestedWait({ date: "soon", "retry-after": "Sun, 01 Mar 2020 12:00:05 GMT" }), 0);
  });

  it("is never negative or endless, whatever the headers say", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (after, ms) => {
        const wait = requestedWait({ "retry-after": after, "retry-after-ms": ms }, NOW);
        assert.ok(wait === undefined || (wait >= 0 && wait < Number.POSITIVE_INFINITY), String(wait));
      }),
    );
  });
});

describe("the pause that a server asks of all requests", () => {
  for (const [status, after, seconds] of [
    [429, "2", 2],
    [503, "60", 60],
    [429, "61", undefined],
    [429, undefined, undefined],
    [500, "2", undefined],
    [undefined, "2", undefined],
  ] as const) {
    it(`is ${seconds} s with ${status} and Retry-After ${after}`, () => {
      assert.equal(requestedPause(status, after === undefined ? {} : { "retry-after": after }), seconds);
    });
  }
});

describe("x-should-retry", () => {
  const cases: [header: string | undefined, message: boolean | undefined][] = [
    ["true", true],
    ["false", false],
    [undefined, undefined],
    ["maybe", undefined],
    ["", undefined],
  ];
  for (const [header, message] of cases) {
    it(`says ${message} with ${header}`, () => {
      assert.equal(shouldRetryHeader(header === undefined ? {} : { "x-should-retry": header }), message);
    });
  }
});

describe("the wait before a retry", () => {
  it("is half a second, doubling up to 8 s", () => {
    const waits = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backoff(attempt, () => 0));
    assert.deepEqual(waits, [0.5, 1, 2, 4, 8, 8, 8]);
  });

  it("varies by up to a quarter", () => {
    assert.equal(
      backoff(3, () => 1),
      3,
    );
    fc.assert(
      fc.property(fc.nat(2000), (attempt) => {
        const longest = Math.min(0.5 * 2 ** attempt, 8);
        const wait = backoff(attempt);
        assert.ok(wait > longest * 0.75 - 1e-9 && wait <= longest, String(wait));
      }),
    );
  });
});

describe("a temporary status", () => {
  const retried = [408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 528, 529];
  it("is one of a fixed list", () => {
    const all = Array.from({ length: 500 }, (_, index) => index + 100);
    assert.deepEqual(all.filter(isRetryableStatus), retried);
  });
});
