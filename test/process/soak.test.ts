import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { driftOf, type Sample, type TimedSample } from "../../dev/soak/drift";
import { root } from "../support/root";

const SECONDS = 8;
const HEALTHY: Sample = {
  rss: 170,
  heap: 40,
  external: 4,
  sockets: 10,
  timers: 20,
  files: 45,
  delay: 6,
  delay99: 30,
  longest: 60,
};

/** A series over 20 minutes: load in waves, now and then an outlier, and what `change` does to it. */
function series(change: (sample: Sample, at: number) => Partial<Sample> = () => ({})): TimedSample[] {
  return Array.from({ length: 240 }, (_, index) => {
    const at = index * 5;
    const wave = Math.sin(index / 3);
    const sample = {
      ...HEALTHY,
      rss: HEALTHY.rss + 5 * wave + (index % 37 === 0 ? 120 : 0),
      heap: HEALTHY.heap + wave + (index % 41 === 0 ? 30 : 0),
      sockets: HEALTHY.sockets + Math.round(8 * wave),
      timers: HEALTHY.timers + Math.round(15 * wave),
      files: HEALTHY.files + Math.round(8 * wave),
      delay: HEALTHY.delay + Math.abs(wave) + (index % 29 === 0 ? 200 : 0),
    };
    return { at, ...sample, ...change(sample, at) };
  });
}

describe("the soak test", function () {
  this.timeout(240_000);

  it("finds every question ended once and nothing left over in a real Node-RED, in a short run", async () => {
    const args = ["--expose-gc", "--import", "tsx", path.join("dev", "soak", "index.ts"), "--seconds", String(SECONDS)];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error) => error);
    assert.match(stdout, /^\{/, stderr);
    const { asked, chats, ends, deploys, aborts, seen, router, samples, growth, problems } = JSON.parse(stdout);
    assert.deepEqual(problems, []);
    assert.equal(chats, 20);
    assert.equal(ends.reply + ends.calls + ends.error + ends.redeploy, asked);
    assert.ok(ends.reply > 0 && ends.error > 0 && deploys > 2 && aborts > 5, stdout);
    for (const [what, count] of Object.entries({ ...seen, ...router }))
      assert.ok(Number(count) > 0, `${what}: ${stdout}`);
    assert.ok(samples.length > 2);
    for (const name of ["rss", "heap", "sockets", "timers", "files", "delay"]) {
      assert.ok(
        name in growth && samples.every((sample: Record<string, number>) => Number.isFinite(sample[name])),
        name,
      );
    }
  });

  describe("drift in what a long run has measured", () => {
    const cases: [title: string, samples: TimedSample[], expected: RegExp | undefined][] = [
      ["none in waves with outliers", series(), undefined],
      [
        "none in what grows at the beginning alone",
        series(({ heap }, at) => ({ heap: heap + Math.min(at, 500) / 10 })),
        undefined,
      ],
      ...[650, 750, 840, 900, 960, 1050, 1150].map((step): [string, TimedSample[], undefined] => [
        `none in one step of the resident memory after ${step} s`,
        series(({ rss }, at) => ({ rss: rss + (at > step ? 60 : 0) })),
        undefined,
      ]),
      ["a leak of 1 MB of heap a minute", series(({ heap }, at) => ({ heap: heap + at / 60 })), /^heap has grown by /],
      ["a leak of 5 MB outside the heap a minute", series(({ rss }, at) => ({ rss: rss + (at * 5) / 60 })), /^rss /],
      ["Buffers that are kept", series(({ external }, at) => ({ external: external + at / 60 })), /^external /],
      ["two sockets kept a minute", series(({ sockets }, at) => ({ sockets: sockets + at / 30 })), /^sockets /],
      ["two timers kept a minute", series(({ timers }, at) => ({ timers: timers + at / 30 })), /^timers /],
      ["two files kept a minute", series(({ files }, at) => ({ files: files + at / 30 })), /^files /],
      ["an event loop that gets slower", series(({ delay }, at) => ({ delay: delay + at / 20 })), /^delay /],
      ["too little to say anything", series(({ heap }, at) => ({ heap: heap + at })).slice(0, 10), undefined],
    ];
    for (const [title, samples, expected] of cases) {
      it(title, () => {
        const found = driftOf(samples);
        assert.equal(found.length, expected ? 1 : 0, found.join("; "));
        if (expected) assert.match(found[0] ?? "", expected);
      });
    }
  });
});
