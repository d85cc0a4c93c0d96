import assert from "node:assert/strict";
import type { NodeDef } from "../support/node-red";
import { type Editor, eventually, useEditor } from "./editor";

const CHAT = "huggingface-chat";
const TOOL = "huggingface-tool";

describe("tools on the canvas", function () {
  this.timeout(90_000);
  let editor: Editor;
  useEditor((its) => (editor = its));

  const config = { id: "c1", type: "huggingface-config", name: "", model: "org/model", baseUrl: "demo:" };
  const chat = (more: object = {}) => ({
    ...{ id: "n1", type: CHAT, z: "t1", name: "Assistant", config: "c1", prompt: "payload", promptType: "msg" },
    ...{ x: 200, y: 300, wires: [[], [], []] },
    ...more,
  });
  const load = async (...more: object[]) => {
    await editor.loadAnew();
    await editor.importFlow([{ id: "t1", type: "tab", label: "Tools" }, config, ...more]);
    await editor.deploy();
    await editor.load();
    await editor.reveal("n1");
  };
  const addTool = async () => {
    const form = await editor.edit("n1");
    await form.tab("Tools");
    await editor.page.getByRole("button", { name: "Add a tool" }).click();
    await editor.page.locator("#node-dialog-ok").waitFor({ state: "detached" });
    const box = await editor.page.locator("#red-ui-workspace-chart").boundingBox();
    assert.ok(box);
    await editor.page.mouse.move(box.x + 300, box.y + 120, { steps: 4 });
    return { x: box.x + 300, y: box.y + 120 };
  };
  const held = async (): Promise<Record<string, NodeDef[]>> => {
    const found: Record<string, NodeDef[]> = {};
    for (const node of await editor.held()) found[node.type] = [...(found[node.type] ?? []), node];
    return found;
  };

  it("are added from the chat node's form: wired, picked, on the mouse, with what was changed in the form", async () => {
    await load(chat());
    const form = await editor.edit("n1");
    await form.fill("name", "Renamed");
    await form.done();
    const { x, y } = await addTool();
    await editor.page.mouse.click(x, y);
    const { [CHAT]: [asking] = [], [TOOL]: [tool] = [], function: [code] = [], "link out": [back] = [] } = await held();
    assert.deepEqual(tool?.wires, [[code?.id]]);
    assert.deepEqual(code?.wires, [[back?.id]]);
    assert.equal(back?.mode, "return");
    assert.equal(asking?.name, "Renamed");
    assert.deepEqual(asking?.tools, [tool?.id]);
    assert.equal(tool?.z, "t1");
    assert.deepEqual(Object.values(await editor.reasons()).flat(), [], "all valid");
    await eventually(async () => assert.equal(await editor.hasChanges(), true));
    await editor.deploy();
    assert.equal((await editor.flows()).filter(({ type }) => type === TOOL).length, 1);
  });

  it("have a name of their own each, and are kept beside those that are picked", async () => {
    const { x, y } = await addTool();
    await editor.page.mouse.click(x, y + 80);
    const { [CHAT]: [asking] = [], [TOOL]: tools = [] } = await held();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ["my_tool", "my_tool_2"],
    );
    assert.deepEqual(
      asking?.tools,
      tools.map(({ id }) => id),
    );
  });

  const place = async (press: (button: ReturnType<typeof addButton>) => Promise<void>) => {
    const form = await editor.edit("n1");
    await form.tab("Tools");
    await press(addButton());
    await editor.page.locator("#node-dialog-ok").waitFor({ state: "detached" });
  };
  const addButton = () => editor.page.getByRole("button", { name: "Add a tool" });

  const withoutMouse: [how: string, press: (button: ReturnType<typeof addButton>) => Promise<void>][] = [
    ["by key", (button) => button.press("Enter")],
    [
      "by touch",
      (button) =>
        button.evaluate((element) => {
          element.dispatchEvent(new PointerEvent("click", { detail: 1, pointerType: "touch", bubbles: true }));
        }),
    ],
  ];
  for (const [how, press] of withoutMouse) {
    it(`are added ${how}: placed below the chat node where nothing else is, chosen, and one undo takes them back`, async () => {
      const debug = { id: "d1", type: "debug", z: "t1", name: "In the way", x: 380, y: 360, wires: [] };
      await load(chat(), debug);
      await place(press);
      const {
        [CHAT]: [asking] = [],
        [TOOL]: [tool] = [],
        function: [code] = [],
        "link out": [back] = [],
      } = await held();
      // Node-RED aligns their left edges to its grid.
      const places = [tool, code, back].map((node) => ({ x: Number(node?.x), y: node?.y }));
      assert.deepEqual(
        places.map(({ y }) => y),
        [420, 420, 420],
      );
      const [first = 0, second = 0, third = 0] = places.map(({ x }) => x);
      assert.ok(first >= 190 && second - first > 150 && third - second > 80, JSON.stringify(places));
      assert.deepEqual([tool?.wires, code?.wires, asking?.tools], [[[code?.id]], [[back?.id]], [tool?.id]]);
      assert.equal(await editor.hasChanges(), true);
      await editor.page.keyboard.press("Control+ArrowDown");
      await eventually(async () => assert.notEqual((await held())[TOOL]?.[0]?.y, 420));
      await editor.undo();
      await editor.undo();
      const { [CHAT]: [after] = [], [TOOL]: gone } = await held();
      assert.deepEqual([after?.tools ?? [], gone], [[], undefined]);
    });
  }

  it("are gone, and no longer picked, after one undo, or after Escape before they are placed", async () => {
    for (const takeBack of [() => editor.undo(), () => editor.page.keyboard.press("Escape")]) {
      await load(chat());
      const { x, y } = await addTool();
      assert.equal((await held())[TOOL]?.length, 1);
      if (takeBack.toString().includes("undo")) await editor.page.mouse.click(x, y);
      await takeBack();
      const { [CHAT]: [asking] = [], ...others } = await held();
      assert.deepEqual([asking?.tools ?? [], others[TOOL], others.function, others["link out"]], [[], ...Array(3)]);
    }
  });

  it("are shown from the chat node's form, and show who uses them", async () => {
    const tool = { id: "t2", type: TOOL, z: "t1", name: "weather", description: "", parameters: "", strict: false };
    const other = { id: "tab2", type: "tab", label: "Elsewhere" };
    await load(other, chat({ tools: ["t2"] }), { ...tool, z: "tab2", x: 1200, y: 900, wires: [[]] });
    const form = await editor.edit("n1");
    await form.tab("Tools");
    const arrow = editor.page.getByRole("button", { name: "Show weather in the flow" });
    const size = await arrow.boundingBox();
    assert.ok(size && size.width >= 32 && size.height >= 32, JSON.stringify(size));
    await arrow.press("Enter");
    await editor.page.locator("#node-dialog-ok").waitFor({ state: "detached" });
    await editor.node("t2").waitFor();
    assert.equal(await editor.hasChanges(), false, "nothing was changed");

    await editor.edit("t2");
    assert.match((await editor.page.locator(".huggingface-tool-users").textContent()) ?? "", /Used by\s*Assistant/);
    await editor.page.getByRole("button", { name: "Assistant" }).click();
    await editor.node("n1").waitFor();
    assert.equal(await editor.hasChanges(), false);
  });

  it("say so where nobody uses them", async () => {
    const tool = { id: "t2", type: TOOL, z: "t1", name: "weather", description: "", parameters: "", strict: false };
    await load(chat(), { ...tool, x: 200, y: 100, wires: [[]] });
    const form = await editor.edit("t2");
    assert.match((await editor.page.locator(".huggingface-tool-users").textContent()) ?? "", /No chat node yet/);
    await form.cancel();
  });
});
