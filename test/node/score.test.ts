import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { pointTo, readExamples } from "../../dev/examples";
import { catchInto, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { completion, type Handler, json, type TestServer, usage } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const example = readExamples().find(({ name }) => name.includes("Score prompts"));
const idOf = (name: string): string => example?.flow.find((node) => node.name === name)?.id ?? "";

const HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>{{page.at}}\"'";
const yearSchema = {
  type: "object",
  properties: { year: { type: "integer" } },
  required: ["year"],
  additionalProperties: false,
};

/** What the model says to a question; whatever is not here fails. */
const SAYS: Record<string, string> = {
  "equals, otherwise written": "  FORTY-two. ",
  "not equal": "43",
  "contains two": "Blue, white and red",
  "contains one": "Blue",
  "follows the schema": '{"year":1815}',
  "breaks the schema": '{"year":"of the comet"}',
  "good for the judge": "Hola",
  "bad for the judge": "Good day",
  "the judge fails": "Hm",
  "hostile reply": HOSTILE,
};

const ROWS: [row: Message, why: RegExp | undefined][] = [
  [{ question: "equals, otherwise written", equals: "forty-two" }, undefined],
  [{ question: "not equal", equals: "42" }, /^is not: 42$/],
  [{ question: "contains two", contains: ["blue", "RED"] }, undefined],
  [{ question: "contains one", contains: ["blue", "red"] }, /^does not contain: red$/],
  [{ question: "follows the schema", schema: yearSchema, contains: "1815" }, undefined],
  [{ question: "breaks the schema", schema: yearSchema }, /year must be integer/],
  [{ question: "good for the judge", judge: "a greeting in Spanish" }, undefined],
  [{ question: "bad for the judge", judge: "a greeting in Spanish" }, /^The judge: not Spanish$/],
  [{ question: "not equal", equals: "42", judge: "never asked" }, /^is not: 42$/],
  [{ question: "the judge fails", judge: "whatever" }, /^The judge failed: /],
  [{ question: "the server fails" }, /no such luck/],
  [{}, /./],
  [{ question: "hostile reply", equals: HOSTILE }, undefined],
];
const PASSED = ROWS.filter(([, why]) => !why).length;

describe("the example Score prompts and models", () => {
  let red: NodeRed;
  let server: TestServer;
  const isJudge = (body: Message) => body["response_format"]?.json_schema?.name === "verdict";
  const costing = (cost: number | undefined) => ({ usage: { ...usage(3, 5), cost } });
  const answer: Handler = ({ body }, response) => {
    const asked: string = body.messages.at(-1).content;
    if (isJudge(body)) {
      if (asked.includes("Hm")) return json(response, 400, { error: { message: "no judge today" } });
      const passes = asked.includes("Hola");
      const verdict = JSON.stringify({ passes, reason: passes ? "Spanish" : "not Spanish" });
      return json(response, 200, completion(verdict, costing(passes ? 0.125 : undefined)));
    }
    const said = SAYS[asked];
    if (said === undefined) return json(response, 400, { error: { message: "no such luck" } });
    return json(response, 200, completion(said, costing(said === "Blue" ? undefined : 0.25)));
  };
  useNodeRed((its) => ({ red, server } = its), answer);

  /** Runs the example with these rows and candidates until its table is there, and returns it as CSV. */
  async function score(rows: Message[], candidates: Message[], judge: Message = {}): Promise<string> {
    assert.ok(example);
    const flow = pointTo(server.url, example.flow).map((node): NodeDef => {
      if (node.type === "huggingface-config") return { ...node, retries: 0, serverStreams: false };
      if (node.name === "Judge") return { ...node, ...judge };
      if (node.name === "Rows") return { ...node, template: JSON.stringify(rows) };
      if (node.name === "Candidates") return { ...node, template: JSON.stringify(candidates) };
      return node.type === "debug" ? { ...sink(node.id, String(node["name"])), z: node["z"] } : node;
    });
    const tab = flow.find(({ type }) => type === "tab")?.id;
    await red.deploy([...flow, ...catchInto("uncaught").map((node) => ({ ...node, z: tab }))]);
    red.inject(idOf("Score"));
    const { payload } = await red.next("Scores");
    assert.deepEqual(red.captured("uncaught"), []);
    return payload;
  }

  const page = async (): Promise<Response> => fetch(`${red.url}/scores`);
  const cells = (line: string): string[] => [...line.matchAll(/<td>([^<]*)/g)].map(([, cell = ""]) => cell);
  /** The rows of the last table of the page. */
  const shown = async (): Promise<string[][]> => {
    const [, table = ""] = (await (await page()).text()).split("<h2>");
    return table.split("<tr>").slice(2).map(cells);
  };

  it("counts what passes of each candidate, with tokens, cost and times, as CSV", async () => {
    const candidates = [{ name: 'one, "quoted"' }, { name: "two", model: "other/model", system: "Be brief." }];
    const csv = await score(
      ROWS.map(([row]) => row),
      candidates,
    );
    const [head, ...lines] = csv.trim().split("\n");
    assert.equal(
      head,
      "candidate,rows,passed,pass_rate,tokens,cost_usd,cost_unknown,judge_usd,judge_unknown,p50_ms,p95_ms",
    );
    const rate = Math.round((100 * PASSED) / ROWS.length);
    const answered = ROWS.filter(([{ question }]) => question in SAYS).length;
    // The reply "Blue" tells no cost, nor do the two questions that fail; of three verdicts one tells it.
    const costs = `${((answered - 1) * 0.25).toFixed(6)},3,0.125000,2`;
    const figures = `${ROWS.length},${PASSED},${rate} %,${answered * 8},${costs}`;
    for (const [at, name] of ['"one, ""quoted"""', "two"].entries()) {
      assert.ok(lines[at]?.startsWith(`${name},${figures},`), lines[at]);
      assert.match(lines[at] ?? "", /,\d+,\d+$/);
    }
    assert.equal(lines.length, 2);
    const downloaded = await fetch(`${red.url}/scores.csv`);
    assert.match(downloaded.headers.get("content-type") ?? "", /^text\/csv/);
    assert.equal(await downloaded.text(), csv);
  });

  it("asks each candidate with its model and system prompt, and the judge with neither", async () => {
    await score(
      [{ question: "good for the judge", judge: "a greeting" }],
      [{ name: "two", model: "other/model", system: "Be brief." }],
    );
    const [asked, judged] = server.requests.map(({ body }) => body);
    assert.equal(asked.model, "other/model");
    assert.deepEqual(asked.messages[0], { role: "system", content: "Be brief." });
    assert.ok(isJudge(judged));
    assert.notEqual(judged.model, "other/model");
    assert.match(judged.messages[0].content, /^You judge/);
    assert.match(judged.messages[1].content, /good for the judge[\s\S]*Hola[\s\S]*a greeting/);
  });

  it("asks the judge only where the other checks pass", async () => {
    await score(
      ROWS.map(([row]) => row),
      [{ name: "one" }],
    );
    assert.equal(server.requests.filter(({ body }) => isJudge(body)).length, 3);
  });

  for (const [row, why] of ROWS) {
    it(`${JSON.stringify(row).slice(0, 70)}: ${why ? `fails with ${why}` : "passes"}`, async () => {
      const csv = await score([row], [{ name: "one" }]);
      assert.match(csv, why ? /^one,1,0,0 %,/m : /^one,1,1,100 %,/m);
      const [[, , , reason = ""] = []] = await shown();
      assert.match(reason, why ?? /^$/);
    });
  }

  it("tells the time that half of the replies, and that nearly all, did not exceed", async () => {
    server.handle(async (request, response, index) => {
      if (request.body.messages.at(-1).content === "contains two") await sleep(400);
      answer(request, response, index);
    });
    const rows = ["contains one", "contains two", "not equal"].map((question) => ({ question }));
    const [p50 = 0, p95 = 0] = (await score(rows, [{ name: "one" }])).trim().split(",").slice(-2).map(Number);
    assert.ok(p50 > 0 && p50 < p95 && p95 >= 395, `${p50} and ${p95} ms`);
  });

  it("says on the page that nothing is scored before the first run", async () => {
    await red.deploy(example?.flow ?? []);
    assert.match(await (await page()).text(), /Nothing is scored yet/);
  });

  it("shows a bar and a row of figures for each candidate, and what failed first", async () => {
    await score(
      [{ question: "contains two" }, { question: "not equal", equals: "42" }],
      [{ name: "one" }, { name: "two" }],
    );
    const text = await (await page()).text();
    assert.equal(text.match(/<rect [^>]*width="200"/g)?.length, 2);
    assert.match(text, /<td>one<td>2<td>1<td>50 %<td>16<td>0\.500000<td><td>/);
    assert.deepEqual(
      (await shown()).map(([candidate, question]) => [candidate, question]),
      [
        ["one", "not equal"],
        ["two", "not equal"],
        ["one", "contains two"],
        ["two", "contains two"],
      ],
    );
  });

  const sums: [what: string, questions: string[], csv: string, cells: string[]][] = [
    ["known for all", ["contains two", "good for the judge"], "0.500000,0,0.125000,0", ["0.500000", "0.125000"]],
    ["known for some", ["contains two", "contains one"], "0.250000,1,,0", ["≥ 0.250000 (1 unknown)", ""]],
    ["known for none", ["contains one", "the server fails"], ",2,,0", ["", ""]],
    [
      "of the judge known for some",
      ["good for the judge", "bad for the judge", "the judge fails"],
      "0.750000,0,0.125000,2",
      ["0.750000", "≥ 0.125000 (2 unknown)"],
    ],
    ["of the judge known for none", ["bad for the judge"], "0.250000,0,,1", ["0.250000", ""]],
  ];
  for (const [what, questions, csv, expected] of sums) {
    it(`marks a cost that is ${what}`, async () => {
      const rows = questions.map((question) => ({ question, ...(/judge/.test(question) && { judge: "Spanish" }) }));
      const text = await score(rows, [{ name: "one" }]);
      assert.equal(text.trim().split("\n")[1]?.split(",").slice(5, -2).join(","), csv);
      const [table = ""] = (await (await page()).text()).split("<h2>");
      assert.match(table, /<th>Cost \(USD\)<th>Judge \(USD\)<th>/);
      assert.deepEqual(cells(table.split("<tr>").at(-1) ?? "").slice(5, 7), expected);
    });
  }

  it("does not take the cost of a candidate for that of a judge that was never asked", async () => {
    const row = { question: "good for the judge", judge: "Spanish" };
    const csv = await score([row], [{ name: "one" }], { temperature: "warm" });
    assert.equal(server.requests.length, 1);
    assert.match(csv, /^one,1,0,0 %,8,0\.250000,0,,1,/m);
  });

  it("runs nothing of what a model or a candidate says, on the page or in a spreadsheet", async () => {
    const csv = await score(
      [{ question: "hostile reply" }],
      [{ name: HOSTILE }, { name: '=HYPERLINK("http://192.0.2.1")' }],
    );
    assert.match(csv, /^"'=HYPERLINK/m);
    const response = await page();
    assert.match(response.headers.get("content-security-policy") ?? "", /^default-src 'none'; style-src/);
    const text = await response.text();
    assert.doesNotMatch(text, /<img|<script|onerror=alert/);
    assert.match(text, /&lt;img src/);
    assert.ok(text.includes("{{page.at}}"), "what looks like a template stays text");
  });
});
