import { type CodeEditor, createJsonEditor, destroyEditor, dialogButtons, make } from "../red.js";

/**
 * Opens JSON text in a code editor that fills a tray of its own, over the form that it belongs to. The editor's own tray for
 * texts is not used: its Monaco folds (see `createJsonEditor`).
 *
 * @param done called with the text, changed or not, when the form below is in the page again
 */
export function editJson(title: string, given: string, done: (text: string) => void): void {
  let editor: CodeEditor | undefined;
  RED.tray.show({
    title,
    width: Number.POSITIVE_INFINITY,
    buttons: dialogButtons(() => editor?.getValue() ?? given, done),
    open: (tray) => {
      const box = make("div", { class: "node-text-editor huggingface-code-tray" });
      tray.find(".red-ui-tray-body").append(box);
      editor = createJsonEditor(box, given);
    },
    resize: () => editor?.resize(),
    close: () => editor && destroyEditor(editor),
  });
}
