import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { allInOne, readExamples } from "../../dev/examples";
import { newContext, skipWithoutChromium } from "../support/browser";
import { OwnNodeRed } from "../support/own-node-red";

const LOGIN = { username: "visitor", password: "a-password" };
/** The password as Node-RED's settings want it, by bcrypt. */
const HASH = "$2b$04$doqTq0sQLBlT61AMJ5a2euFBfW2q1TyhG9.FrcADL44ppM3YAwYHa";
const basic = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString("base64")}`;

/** What the proxy takes off the path, as Home Assistant's ingress does. */
const PREFIX = "/api/hassio_ingress/0123456789";

/** Another port, another path that a proxy cuts off, another root, and a login: examples know nothing of them. */
describe("the examples with http, elsewhere than at port 1880", function () {
  this.timeout(60_000);
  let red: OwnNodeRed;
  let proxy: http.Server;
  let url: string;
  const flow = allInOne(readExamples().filter(({ name }) => /^(03|07|11)/.test(name))).map((node) =>
    node.type === "debug" ? { ...node, console: true } : node,
  );

  before(async () => {
    red = new OwnNodeRed(flow, {
      httpNodeRoot: "/flows",
      httpAdminRoot: "/admin",
      httpNodeAuth: { user: LOGIN.username, pass: HASH },
      editorTheme: { palette: { catalogues: [] } },
    });
    await red.start();
    proxy = http.createServer((request, response) => {
      if (!request.url?.startsWith(PREFIX)) {
        response.writeHead(404).end();
        return;
      }
      const { method, headers } = request;
      const onward = http.request(
        `${red.url}${request.url.slice(PREFIX.length)}`,
        { ...(method && { method }), headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on("error", () => response.destroy());
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${PREFIX}/flows`;
  });
  after(async () => {
    proxy?.closeAllConnections();
    proxy?.close();
    await red?.remove();
  });

  const press = async (name: string) => {
    const { id } = flow.find((node) => node.type === "inject" && node.name === name) ?? {};
    assert.equal((await fetch(`${red.url}/admin/inject/${id}`, { method: "POST" })).status, 200, name);
  };
  const printed = async (pattern: RegExp) => {
    for (const end = Date.now() + 10_000; !pattern.test(red.output); ) {
      assert.ok(Date.now() < end, `${pattern} is not in ${red.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it("11: its buttons and its address work", async () => {
    await press("Ada says who she is");
    await printed(/\[debug:Answer\][\s\S]*My name is Ada\./);
    const headers = { "content-type": "application/json", "x-key": "ben-2m8x4w" };
    const body = JSON.stringify({ text: "Who am I?" });
    assert.equal((await fetch(`${url}/bot`, { method: "POST", headers, body })).status, 401, "without a login");
    const ask = (path: string, key = "ben-2m8x4w") =>
      fetch(`${url}/${path}`, { method: "POST", headers: { ...headers, "x-key": key, authorization: basic }, body });
    assert.match(await (await ask("bot")).text(), /You asked: “Who am I\?”/);
    assert.equal(await (await ask("bot/forget")).text(), "Forgotten.");
    assert.equal((await ask("bot", "wrong")).status, 401);
    await press("Ada is forgotten");
    await press("Ada asks");
    await printed(/\[debug:Answer\][\s\S]*What is my name\?/);
    assert.doesNotMatch(red.output, /No response object/);
  });

  describe("in a browser", () => {
    before(function () {
      skipWithoutChromium(this);
    });
    const open = async (path: string) => {
      const context = await newContext({ httpCredentials: LOGIN });
      context.setDefaultTimeout(10_000);
      const page = await context.newPage();
      await page.goto(`${url}/${path}`);
      return page;
    };

    it("03: the page asks and shows the reply", async () => {
      const page = await open("chat");
      await page.getByLabel("Your message").fill("Hello");
      await page.getByRole("button", { name: "Send" }).click();
      await page.locator("#send:enabled").waitFor();
      assert.match((await page.locator(".assistant").textContent()) ?? "", /You asked: “Hello”\. .*choose a server/);
      await page.context().close();
    });

    it("07: the page finds the question by itself, and a yes unlocks the door", async () => {
      const page = await open("approve");
      await page.getByText("Nothing waits for an answer").waitFor();
      await press("Ask");
      await page.getByText("garage").waitFor();
      await page.getByRole("button", { name: "Yes" }).click();
      await page.getByText("Thank you: yes.").waitFor();
      await printed(/The tool returned: The door is unlocked: garage/);
      await page.getByText("Nothing waits for an answer").waitFor();
      await page.context().close();
    });
  });
});
