"use strict";
const gf = {
  // theme makes a button switch between light and dark, and remembers the choice where the browser lets a page remember.
  theme(button) {
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const remember = (value) => {
      try {
        return value === undefined ? localStorage.getItem("gf-theme") : localStorage.setItem("gf-theme", value);
      } catch {
        return null;
      }
    };
    const chosen = () => root.dataset.theme || (dark.matches ? "dark" : "light");
    const show = () => {
      button.textContent = chosen() === "dark" ? "☀ Light" : "☾ Dark";
    };
    const before = remember();
    if (before === "light" || before === "dark") root.dataset.theme = before;
    button.addEventListener("click", () => {
      root.dataset.theme = chosen() === "dark" ? "light" : "dark";
      remember(root.dataset.theme);
      show();
    });
    dark.addEventListener("change", show);
    show();
  },

  // filters calls apply with what a form's controls choose, at once and whenever that changes: an object of the controls' names;
  // of check boxes the list of the checked values. The form never goes anywhere, and its reset shows all again.
  filters(form, apply) {
    const read = () => {
      const out = {};
      for (const control of form.elements) {
        if (!control.name) continue;
        if (control.type !== "checkbox") out[control.name] = control.value.trim().toLowerCase();
        else (out[control.name] ||= []).push(...(control.checked ? [control.value] : []));
      }
      return out;
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => apply(read()));
    form.addEventListener("reset", () => setTimeout(() => apply(read())));
    apply(read());
  },

  // addressed lets the address's fragment open a dialog: fill puts what belongs to it into the dialog and tells whether there
  // was anything; where it has to wait, it asks current whether the address is still the same before it does so. Closing the dialog
  // takes the fragment away, and the focus goes back to where it was.
  addressed(dialog, fill) {
    let from = null;
    let turns = 0;
    let leaving = false; // the dialog closes since the address is another one already
    const follow = async () => {
      const turn = ++turns;
      const current = () => turn === turns;
      const id = decodeURIComponent(location.hash.slice(1));
      const found = id && (await fill(id, current));
      if (!current()) return;
      if (!found) {
        if (dialog.open) {
          leaving = true;
          dialog.close();
        }
        return;
      }
      if (!dialog.open) {
        from = document.activeElement;
        dialog.showModal();
      }
      dialog.scrollTop = 0;
    };
    dialog.addEventListener("close", () => {
      if (location.hash && !leaving) history.pushState(null, "", location.pathname + location.search);
      leaving = false;
      if (from?.isConnected) from.focus();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    addEventListener("hashchange", follow);
    follow();
  },

  // copy makes buttons with data-gf-copy put the text of the element of that id on the clipboard.
  copy(root) {
    root.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-gf-copy]");
      if (!button) return;
      const text = document.getElementById(button.dataset.gfCopy).textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(document.getElementById(button.dataset.gfCopy));
        button.textContent = "Selected";
      }
    });
  },

  // inflate gives the text that was compressed with gzip and written as base64.
  async inflate(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  },
};
