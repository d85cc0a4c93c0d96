import { type EditedNode, make, text } from "./red.js";

/** The folds of an open form. */
export interface Folds {
  /** ends what watches them */
  close(): void;
}

/**
 * Makes the buttons that open and close the folds of the form on top, `.huggingface-fold` in its template. A fold is open
 * at first if something in it is not as in a new node. It opens, and stays open, while something in it is marked as wrong.
 *
 * @param node as it is saved: what it lacks has its default
 */
export function createFolds(node: EditedNode): Folds {
  const form = $(".huggingface-form").last();
  const watches = form
    .find(".huggingface-fold")
    .get()
    .map((fold) => createFold(fold, isChanged(node, fold)));
  return { close: () => void watches.map((watch) => watch.disconnect()) };
}

function createFold(fold: HTMLElement, isOpenAtFirst: boolean): MutationObserver {
  const button = make("button", { type: "button", class: "huggingface-fold-button", "aria-controls": fold.id });
  button.append(make("i", { class: "fa fa-angle-right" }), text("fold.advanced"));
  const show = (isOpen: boolean) => {
    fold.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
  };
  const hasMistake = () => fold.querySelector(".input-error") !== null;
  button.addEventListener("click", () => {
    show(fold.hidden || hasMistake());
    RED.tray.resize();
  });
  show(isOpenAtFirst);
  fold.before(button);
  const watch = new MutationObserver(() => {
    if (!fold.hidden || !hasMistake()) return;
    show(true);
    RED.tray.resize();
  });
  watch.observe(fold, { subtree: true, attributes: true, attributeFilter: ["class"] });
  return watch;
}

/** True if a property whose field is in the fold is not what a node without it has. */
function isChanged(node: EditedNode, fold: HTMLElement): boolean {
  const { category, defaults, credentials = {} } = RED.nodes.getType(node.type);
  const prefix = category === "config" ? "node-config-input" : "node-input";
  const isIn = (name: string) => fold.querySelector(`#${prefix}-${name}, #${prefix}-${name}-container`) !== null;
  const stored = node.credentials as Partial<Record<string, unknown>> | undefined;
  return (
    Object.entries(defaults).some(([name, { value, missing = value }]) => {
      const given = node[name] ?? missing;
      // A number may stand as text.
      const isSame =
        typeof given === "object"
          ? JSON.stringify(given) === JSON.stringify(missing)
          : String(given) === String(missing);
      return !isSame && isIn(name);
    }) || Object.keys(credentials).some((name) => Boolean(stored?.[`has_${name}`] || stored?.[name]) && isIn(name))
  );
}
