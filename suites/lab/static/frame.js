"use strict";
// lab is what all pages of the lab have: the head, the stream of events and how to ask the server for something.
const lab = {
  state: null,
  watchers: [], // called with each new state
  liners: [], // called with each line of a log

  trouble(text) {
    const box = document.getElementById("trouble");
    box.textContent = text || "";
    box.hidden = !text;
  },

  // post asks for something and gives the answer; what is wrong is shown, and the answer is null.
  async post(path, body) {
    try {
      const answer = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Gatefault-Lab": "1" },
        body: JSON.stringify(body ?? {}),
      });
      const content = await answer.json();
      this.trouble(answer.ok ? "" : content.detail);
      return answer.ok ? content : null;
    } catch {
      this.trouble("The lab does not answer. Is gatefault lab still running?");
      return null;
    }
  },

  // follow shows what the server tells. The browser connects again by itself and says where it was.
  follow() {
    const source = new EventSource("/api/v1/events");
    source.addEventListener("state", (event) => {
      this.state = JSON.parse(event.data);
      this.head();
      for (const watch of this.watchers) watch(this.state);
    });
    source.addEventListener("log", (event) => {
      const line = JSON.parse(event.data);
      for (const take of this.liners) take(line);
    });
    source.onopen = () => this.trouble("");
    source.onerror = () => {
      this.trouble("The connection to the lab is gone; trying again.");
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.follow(), 2000);
    };
  },

  head() {
    const force = document.getElementById("force");
    const text = this.state.force ? "In force: " + this.state.force : "The upstream is healthy.";
    if (force.textContent !== text) force.textContent = text;
    force.toggleAttribute("data-broken", Boolean(this.state.force));
    document.getElementById("viewers").textContent = this.state.viewers === 1 ? "1 viewer" : this.state.viewers + " viewers";
  },
};

gf.theme(document.getElementById("theme"));
document.getElementById("undo").addEventListener("click", () => lab.post("/api/v1/undo"));
lab.follow();
