"use strict";
const at = (id) => document.getElementById(id);
const make = at("make");

// element makes an element with properties and children.
const element = (name, properties, ...children) => {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
};

const page = {
  catalogue: null,
  lesson: null,
  step: 0,
  began: false, // a first state has come
  shown: 0, // the experiment that is looked at; 0: the newest
  viewer: "", // a random name, by which the server tells this tab's guesses from those of others
  told: Promise.resolve(), // the last guesses have reached the server
  mine: new Map(), // of experiments that this viewer guesses about: answers by gateway; null once they are shown

  async start() {
    this.catalogue = await (await fetch("/api/v1/catalogue")).json();
    this.viewer = this.named();
    this.restore();
    make.addEventListener("input", () => {
      this.kinds();
      this.remember();
    });
    make.elements.fault.addEventListener("change", () => this.faultChanged());
    make.elements.scenario.addEventListener("change", () => this.scenarioChanged());
    make.addEventListener("submit", (event) => {
      event.preventDefault();
      this.begin(this.spec(true), make.elements.guess.checked);
    });
    at("only").addEventListener("click", () => this.begin(this.spec(false), false));
    at("share").addEventListener("click", () => this.share());
    for (const button of document.querySelectorAll("[data-fault]")) button.addEventListener("click", () => this.quick(button));
    at("lesson-run").addEventListener("click", () => this.runStep());
    at("lesson-back").addEventListener("click", () => this.goto(this.step - 1));
    at("lesson-next").addEventListener("click", () => this.goto(this.step + 1));
    at("guesses").addEventListener("submit", (event) => {
      event.preventDefault();
      this.reveal();
    });
    at("guesses").addEventListener("change", () => this.guess());
    lab.watchers.push((state) => this.draw(state));
    lab.liners.push((line) => this.line(line));
    if (lab.state) this.draw(lab.state);
  },

  // The form, and the address that holds what it says.

  fault() {
    return this.catalogue.faults.find((f) => f.name === make.elements.fault.value);
  },

  kind() {
    return make.elements.kind.value;
  },

  kinds() {
    for (const part of make.querySelectorAll("[data-kind]")) part.hidden = !part.dataset.kind.split(" ").includes(this.kind());
    for (const part of make.querySelectorAll("[data-stream]")) part.hidden = !make.elements.stream.checked;
  },

  // faultChanged makes the controls of the fault's parameters.
  faultChanged(values) {
    const f = this.fault();
    at("fault-doc").textContent = f.name + " " + f.doc + ".";
    at("params").replaceChildren(...(f.params || []).map((p) => {
      const value = values?.[p.name] ?? p.default;
      let control;
      if (p.kind === "word") {
        control = element("select", {}, ...p.max.split(" ").map((word) => element("option", { value: word, textContent: word })));
        control.value = value;
      } else {
        control = element("input", { value, size: 10, required: true });
        if (p.kind === "int") Object.assign(control, { type: "number", min: p.min, max: p.max });
      }
      control.dataset.param = p.name;
      const bounds = p.kind === "word" ? "" : ` (${p.min} to ${p.max})`;
      return element("label", { className: "gf-field" }, element("span", { textContent: `${p.name}: ${p.doc}${bounds}` }), control);
    }));
    if (f.profile && !values) make.elements.profile.value = f.profile;
    else if (!values) make.elements.profile.value = "plain";
    this.remember();
  },

  scenarioChanged() {
    const s = this.catalogue.scenarios.find((one) => one.id === make.elements.scenario.value);
    at("scenario-doc").textContent = s ? s.explain : "";
    this.remember();
  },

  gateways() {
    const boxes = [...make.querySelectorAll("[name=gateway]:enabled")];
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    return chosen.length === boxes.length ? [] : chosen;
  },

  params() {
    return Object.fromEntries([...at("params").querySelectorAll("[data-param]")].map((c) => [c.dataset.param, c.value]));
  },

  // spec is the experiment that the form describes.
  spec(send) {
    const e = make.elements;
    const spec = { gateways: this.gateways() };
    if (this.kind() === "scenario") return { ...spec, scenario: e.scenario.value };
    if (this.kind() === "script") spec.script = e.script.value;
    else Object.assign(spec, { fault: e.fault.value, params: this.params() });
    spec.profile = e.profile.value;
    if (!send) return spec;
    spec.request = { method: e.method.value, path: e.path.value, body: e.body.value, headers: {} };
    for (const line of e.headers.value.split("\n")) {
      const colon = line.indexOf(":");
      if (line.trim()) spec.request.headers[colon < 0 ? line : line.slice(0, colon).trim()] = colon < 0 ? "" : line.slice(colon + 1).trim();
    }
    if (e.stream.checked) spec.stream = { rate: Number(e.rate.value), for: e.for.value + "s" };
    return spec;
  },

  // remember writes what the form and the lesson say into the address.
  remember() {
    const e = make.elements;
    const query = new URLSearchParams();
    if (this.lesson) query.set("step", this.step);
    else if (at("workbench").open) {
      query.set("kind", this.kind());
      if (this.kind() === "scenario") query.set("scenario", e.scenario.value);
      else {
        if (this.kind() === "script") query.set("script", e.script.value);
        else {
          query.set("fault", e.fault.value);
          for (const [name, value] of Object.entries(this.params())) query.set("p." + name, value);
        }
        for (const name of ["profile", "method", "path", "headers", "body"]) if (e[name].value) query.set(name, e[name].value);
        if (e.stream.checked) for (const name of ["rate", "for"]) query.set(name, e[name].value);
      }
      if (!e.guess.checked) query.set("guess", "no");
      if (this.gateways().length) query.set("gateways", this.gateways().join(","));
    }
    const text = query.toString();
    history.replaceState(null, "", location.pathname + (text ? "?" + text : ""));
  },

  // restore reads the address.
  restore() {
    const e = make.elements;
    const query = new URLSearchParams(location.search);
    const lesson = decodeURIComponent(location.pathname.match(/^\/lessons\/([^/]+)$/)?.[1] ?? "");
    if (lesson) {
      this.lesson = this.catalogue.lessons.find((l) => l.id === lesson) ?? null;
      if (!this.lesson) lab.trouble(`There is no lesson ${lesson}.`);
    }
    const params = {};
    for (const [name, value] of query) if (name.startsWith("p.")) params[name.slice(2)] = value;
    const choose = (control, value) => {
      if (value !== null && [...control.options].some((o) => o.value === value)) control.value = value;
    };
    choose(e.fault, query.get("fault"));
    this.faultChanged(query.has("fault") ? params : undefined);
    choose(e.scenario, query.get("scenario"));
    choose(e.profile, query.get("profile"));
    for (const name of ["script", "method", "path", "headers", "body", "rate", "for"]) if (query.has(name)) e[name].value = query.get(name);
    e.stream.checked = query.has("rate");
    e.guess.checked = query.get("guess") !== "no";
    if (["fault", "script", "scenario"].includes(query.get("kind"))) e.kind.value = query.get("kind");
    const gateways = query.get("gateways")?.split(",");
    if (gateways) for (const box of make.querySelectorAll("[name=gateway]:enabled")) box.checked = gateways.includes(box.value);
    at("workbench").open = query.has("kind");
    at("workbench").addEventListener("toggle", () => this.remember());
    this.kinds();
    this.scenarioChanged();
    if (this.lesson) this.goto(Number(query.get("step")) || 1);
  },

  async share() {
    at("workbench").open = true;
    this.remember();
    try {
      await navigator.clipboard.writeText(location.href);
      at("share").textContent = "Copied";
    } catch {
      at("share").textContent = "Copy the address of this page";
    }
  },

  // Experiments.

  async begin(spec, guess) {
    this.shown = 0;
    this.guessNext = guess;
    const begun = await lab.post("/api/v1/experiments", spec);
    if (!begun) return;
    if (!guess) this.mine.set(begun.id, null);
    this.draw(lab.state);
    at("experiment").scrollIntoView({ block: "start" });
    at("experiment-title").focus({ preventScroll: true });
  },

  // quick puts a button's fault into the form and begins.
  quick(button) {
    make.elements.kind.value = "fault";
    make.elements.fault.value = button.dataset.fault;
    this.faultChanged(button.dataset.delay ? { delay: button.dataset.delay } : undefined);
    this.kinds();
    this.begin(this.spec(true), make.elements.guess.checked);
  },

  // draw shows the experiment that is looked at.
  draw(state) {
    if (!state) return;
    const all = state.experiments;
    if (!this.began) { // what was over before this viewer came is no secret
      this.began = true;
      for (const one of all) if (one.done) this.mine.set(one.id, null);
    }
    const x = all.find((one) => one.id === this.shown) ?? all.at(-1);
    at("experiment").hidden = !x;
    for (const button of document.querySelectorAll("[data-fault], #lesson-run, #make [type=submit], #only")) button.disabled = state.busy;
    at("lanes").textContent = state.lanes.length ? "In force also for clients of your own: " + state.lanes.map((l) => `${l.gateway} at http://${l.addr}/`).join(", ") : "";
    if (!x) return;
    if (this.drawn !== x.id) this.change(x);
    if (this.hidden(x)) this.guesses(x);
    else for (const cell of x.cells) this.cell(x, cell);
    if (!this.hidden(x)) this.explain(x);
    this.earlier(all, x);
  },

  // change begins to show another experiment. All viewers are asked for a guess whenever the one who began it is.
  change(x) {
    this.drawn = x.id;
    at("experiment-title").textContent = `#${x.id} ${x.title}`;
    at("score").textContent = "";
    at("said").textContent = "";
    at("lesson-explain").textContent = "";
    if (!this.mine.has(x.id)) this.mine.set(x.id, x.spec.request || x.spec.scenario ? (make.elements.guess.checked || this.guessNext ? {} : null) : null);
    at("guess-rows").replaceChildren();
    at("cells").replaceChildren();
  },

  hidden(x) {
    const hide = this.mine.get(x.id) !== null;
    at("guesses").hidden = !hide;
    at("cells").hidden = hide;
    at("log").hidden = hide; // it would tell the answers
    return hide;
  },

  // named gives the tab a name that outlives loading it again, where the browser lets a page remember.
  named() {
    const fresh = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
    try {
      return (sessionStorage["gf-viewer"] ||= fresh);
    } catch {
      return fresh;
    }
  },

  // guesses makes the form in which a viewer guesses.
  guesses(x) {
    const count = x.guessed === 1 ? "1 viewer has guessed." : `${x.guessed} viewers have guessed.`;
    if (at("guessed").textContent !== count) at("guessed").textContent = count;
    if (at("guess-rows").childElementCount) return;
    at("guess-title").textContent = this.stepOf(x)?.ask ?? "What will it say?";
    at("guess-rows").replaceChildren(...x.cells.map((cell) => element("fieldset", { className: "lab-guess" },
      element("legend", { textContent: cell.title }),
      ...this.catalogue.guesses.map((guess) => element("label", { className: "gf-choice" },
        element("input", { type: "radio", name: "guess-" + cell.gateway, value: guess }), element("span", { textContent: guess }))))));
  },

  // chosen are the guesses in the form, by gateway.
  chosen() {
    return Object.fromEntries([...at("guess-rows").querySelectorAll("input:checked")].map((input) => [input.name.slice("guess-".length), input.value]));
  },

  // guess tells the server the guesses in the form, one after the other, so that the last ones count.
  guess() {
    const id = this.drawn;
    const guesses = this.chosen();
    this.told = this.told.then(() => lab.post(`/api/v1/experiments/${id}/guesses`, { viewer: this.viewer, guesses }));
  },

  // reveal shows the answers.
  reveal() {
    this.mine.set(this.drawn, null);
    this.guessed = { id: this.drawn, guesses: this.chosen() };
    this.draw(lab.state);
    at("experiment-title").focus();
  },

  // cell shows one gateway: its card, and what the server draws of it.
  cell(x, cell) {
    let card = at("cell-" + cell.gateway);
    if (!card) {
      card = element("article", { id: "cell-" + cell.gateway, className: "lab-cell" },
        element("h3", {}, element("span", { textContent: cell.title }), element("span", { className: "lab-guessed" })),
        element("p", { className: "lab-tally", hidden: true }), element("div", { className: "lab-body" }));
      at("cells").append(card);
    }
    card.dataset.outcome = cell.outcome ?? "";
    card.toggleAttribute("data-done", cell.done);
    const guess = this.guessed?.id === x.id ? this.guessed.guesses[cell.gateway] : undefined;
    if (guess && cell.answer) card.querySelector(".lab-guessed").textContent = guess === cell.answer ? `✓ you guessed ${guess}` : `✗ you guessed ${guess}`;
    this.tally(cell, card.querySelector(".lab-tally"));
    if (Number(card.dataset.rev || 0) < cell.rev) this.fetch(x, cell, card);
    this.score(x);
  },

  // tally shows what all viewers have guessed.
  tally(cell, line) {
    const counts = this.catalogue.guesses.filter((guess) => cell.guesses?.[guess]).map((guess) => `${guess}: ${cell.guesses[guess]}`);
    const text = counts.length ? "All guesses: " + counts.join(", ") : "";
    if (line.textContent !== text) line.textContent = text;
    line.hidden = !text;
  },

  // fetch gets the drawing of a cell, one at a time.
  async fetch(x, cell, card) {
    if (card.busy) return;
    card.busy = true;
    card.dataset.rev = cell.rev;
    try {
      const answer = await fetch(`/api/v1/experiments/${x.id}/${encodeURIComponent(cell.gateway)}`);
      if (answer.ok && this.drawn === x.id) {
        const part = new DOMParser().parseFromString(await answer.text(), "text/html");
        const open = card.querySelector(".lab-story")?.open;
        card.querySelector(".lab-body").replaceChildren(...part.body.childNodes);
        if (open && card.querySelector(".lab-story")) card.querySelector(".lab-story").open = true;
        if (cell.done) this.say(card);
      }
    } catch {
      card.dataset.rev = 0;
    }
    card.busy = false;
    const now = lab.state.experiments.find((one) => one.id === x.id)?.cells.find((one) => one.gateway === cell.gateway);
    if (now && now.rev > cell.rev && this.drawn === x.id) this.fetch(x, now, card);
  },

  // say tells those who listen what came out.
  say(card) {
    if (card.said) return;
    card.said = true;
    const text = card.querySelector(".lab-outcome, .lab-why")?.textContent.replace(/\s+/g, " ").trim() ?? "";
    at("said").textContent += ` ${card.querySelector("h3 span").textContent}: ${text}`;
  },

  score(x) {
    if (this.guessed?.id !== x.id) return;
    const asked = x.cells.filter((cell) => cell.answer && this.guessed.guesses[cell.gateway]);
    const right = asked.filter((cell) => cell.answer === this.guessed.guesses[cell.gateway]);
    const text = asked.length ? `You guessed ${right.length} of ${asked.length} right.` : "";
    if (at("score").textContent !== text) at("score").textContent = text;
  },

  earlier(all, shown) {
    const key = all.map((x) => x.id).join() + "/" + shown.id;
    if (all.length < 2 || at("earlier").dataset.key === key) return;
    at("earlier").dataset.key = key;
    at("earlier").replaceChildren(...all.map((x) => {
      const button = element("button", { type: "button", className: "gf-button", textContent: `#${x.id} ${x.title}` });
      button.setAttribute("aria-pressed", x.id === shown.id);
      button.addEventListener("click", () => {
        this.shown = x.id === all.at(-1).id ? 0 : x.id;
        this.draw(lab.state);
      });
      return button;
    }));
  },

  // Lessons.

  goto(step) {
    this.step = Math.min(Math.max(1, step), this.lesson.steps.length);
    const s = this.lesson.steps[this.step - 1];
    at("start").hidden = true;
    at("lesson").hidden = false;
    at("lesson-title").textContent = this.lesson.title;
    at("lesson-learn").textContent = this.lesson.learn;
    at("lesson-step").textContent = `Step ${this.step} of ${this.lesson.steps.length}: ${s.title}`;
    at("lesson-text").textContent = s.text.trim();
    at("lesson-what").textContent = this.what(s);
    at("lesson-explain").textContent = "";
    at("lesson-back").disabled = this.step === 1;
    at("lesson-next").disabled = this.step === this.lesson.steps.length;
    document.title = this.lesson.title + " - gatefault lab";
    this.remember();
    if (lab.state) this.draw(lab.state);
  },

  what(s) {
    if (s.scenario) return "Scenario " + s.scenario;
    const r = s.request;
    return `Fault ${s.fault || "healthy"}; ${r.method || "GET"} ${r.path || "/"}`;
  },

  runStep() {
    const { scenario, fault, params, script, profile, gateways, request, stream } = this.lesson.steps[this.step - 1];
    const here = this.catalogue.gateways.filter((g) => !g.why).map((g) => g.name);
    const chosen = gateways?.filter((g) => here.includes(g));
    this.begin({ scenario, fault, params, script, profile, gateways: chosen, request, stream, lesson: this.lesson.id, step: this.step }, make.elements.guess.checked);
  },

  // stepOf is the step of the lesson that an experiment belongs to.
  stepOf(x) {
    return x.spec.lesson ? this.catalogue.lessons.find((l) => l.id === x.spec.lesson)?.steps[x.spec.step - 1] : undefined;
  },

  // explain tells, once the answers are shown, why they are as they are.
  explain(x) {
    const s = this.lesson && x.spec.lesson === this.lesson.id && x.spec.step === this.step ? this.stepOf(x) : undefined;
    const text = s && x.cells.every((cell) => cell.done) ? s.explain.trim() : "";
    if (text && at("lesson-explain").textContent !== text) at("lesson-explain").textContent = text;
  },

  // line adds a line to the log, and keeps the newest in view unless the reader has scrolled up.
  line(line) {
    const log = at("log");
    const low = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(element("li", {}, element("b", { textContent: line.gateway + " " }), line.text));
    while (log.childElementCount > 300) log.firstElementChild.remove();
    if (low) log.scrollTop = log.scrollHeight;
  },
};

page.start();
