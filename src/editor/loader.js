// Stands in the html of each of our nodes: `npm run generate` copies it there from src/editor/loader.js, and the first copy
// that runs counts for all. The editor waits for a script that html names, for ever if it does not come. So the elements
// are made here: our nodes are there whether or not their scripts are.
globalThis.huggingfaceEditor ??= (() => {
  const loading = new Map();
  const failed = new Set();
  const forms = new Map();

  /** Loads one of our scripts, once; the next call asks again for one that did not come. */
  const load = (name) => {
    if (!loading.has(name)) {
      const arrival = new Promise((done) => {
        const script = document.createElement("script");
        // Under the same address the browser would give the page once more what it has got.
        const query = failed.has(name) ? `?${Date.now()}` : "";
        script.src = `${RED.settings.apiRootUrl}resources/@hf-flows/node-red-huggingface/${name}.js${query}`;
        // One with a syntax error comes to `onload`, too.
        script.onload = script.onerror = () => {
          script.remove();
          if (!ours[name]) {
            loading.delete(name);
            failed.add(name);
          }
          done();
        };
        document.head.append(script);
      });
      loading.set(name, arrival);
    }
    return loading.get(name);
  };

  /** Makers of validators, by name. Everything is valid until the script with the real ones is there. */
  const rules = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...options) =>
          function (value, _options) {
            return ours.validators?.[name]?.(...options).call(this, value, _options) ?? true;
          },
    },
  );

  /**
   * Opens the form of a node. The page has none of its fields until the script is there: the editor would save what they
   * say without it.
   */
  const openForm = (node) => {
    const template = [...document.querySelectorAll(".huggingface-form")].at(-1);
    const note = document.createElement("div");
    const say = (key) => {
      note.textContent = RED._(`@hf-flows/node-red-huggingface/huggingface-config:huggingface-config.script.${key}`);
    };
    let form;
    let isOver = false;
    const show = (isLate) => {
      if (form || isOver || !ours.forms || !note.isConnected) return;
      note.replaceWith(template);
      try {
        form = ours.forms.openForm(node, isLate);
      } catch (error) {
        console.error(error);
        template.replaceWith(note);
        isOver = true;
        say("failed");
      }
    };
    forms.set(node.id, {
      resize: () => (form ? form.resize() : show(true)),
      close: (how) => {
        isOver = true;
        form?.[how]();
      },
    });
    note.className = "huggingface-script";
    note.setAttribute("role", "status");
    template.replaceWith(note);
    say("loading");
    show(false);
    load("validators");
    if (!ours.forms) load("forms").then(() => (ours.forms ? show(true) : say("failed")));
  };
  const resizeForm = (node) => forms.get(node.id)?.resize();
  /** Closes a form: `save` puts its values where the editor looks for them, `cancel` does not. */
  const closeForm = (node, how) => {
    forms.get(node.id)?.close(how);
    forms.delete(node.id);
  };

  const ours = { rules, openForm, resizeForm, closeForm };
  load("validators");
  return ours;
})();
