"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const text = (number) => data.texts[number];
  const cases = data.cases.map(([scenario, target, cell, state, word, story, checks, time, rest], index) => ({
    index, scenario: text(scenario), target: text(target), cell: text(cell), state, word: text(word), story, checks, time, rest,
    get id() { return this.rest.i ?? `${this.scenario}/${this.cell}@${this.target}`; },
    get words() {
      return this.all ??= [this.id, this.word, data.states[this.state][1], ...this.story.map(([, line]) => text(line)),
        ...(this.rest.f ?? []).map((it) => text(data.findings[it][0]))].join(" ").toLowerCase();
    },
  }));

  // Nothing but text goes into the page: no markup is ever made of what a server sent.
  const make = (tag, options = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const badge = (state) => {
    const [mark, word, look] = data.states[state];
    return make("span", { class: `badge ${look}` }, make("span", { "aria-hidden": "true" }, mark), ` ${word}`);
  };
  const pair = (label, ...value) => make("div", {}, make("dt", {}, label), make("dd", {}, ...value));
  // What a client printed has lines of its own.
  const lines = (all) => all.map(([label, line]) => {
    const one = pair(text(label), text(line));
    if (text(label) === "printed") one.lastChild.className = "printed";
    return one;
  });

  const frame = ([title, hex, marks, length, fields]) => {
    const within = (at) => marks.some(([first, end]) => first <= at && at < end);
    const bytes = hex.match(/../g) ?? [];
    const dump = make("pre", { class: "hex", tabindex: "0", "aria-label": "bytes" });
    for (let start = 0; start < bytes.length; start += 16) {
      dump.append(make("span", { class: "offset" }, `${start.toString(16).padStart(4, "0")}  `));
      let at = start;
      while (at < Math.min(start + 16, bytes.length)) {
        const marked = within(at);
        const run = [];
        while (at < Math.min(start + 16, bytes.length) && within(at) === marked) run.push(bytes[at++]);
        dump.append(marked ? make("mark", {}, run.join(" ")) : run.join(" "), " ");
      }
      dump.append("\n");
    }
    const rows = fields.map(([name, value, first, end]) => {
      const hit = marks.some((mark) => mark[0] < end && first < mark[1]);
      return make("div", hit ? { class: "hit" } : {}, make("dt", {}, `${hit ? "▸ " : ""}${text(name)}`), make("dd", {}, text(value)));
    });
    const more = length - bytes.length;
    return make("details", { class: "frame" }, make("summary", {}, text(title)), make("dl", { class: "fields" }, ...rows), dump,
      more > 0 ? make("p", { class: "facts" }, `${more} more bytes are in the evidence`) : null);
  };

  const finding = ([rule, level, subject, known, all], target) => make("section", { class: `found${known ? " known" : " bad"}` },
    make("h3", {}, make("code", {}, text(rule)), ` ${level}, duty of the ${subject}`),
    make("dl", { class: "story" }, ...lines(all), ...(known ? [pair("known", text(known))] : []),
      ...(data.mends[`${target} ${text(rule)}`] ?? []).map(([label, line]) => pair(label, line.replaceAll("`", "")))));

  const evidence = (one) => {
    const usual = `evidence/${one.id}.pcapng`;
    const [path, link] = one.rest.e ?? [usual, usual.split("/").map(encodeURIComponent).join("/")];
    if (!path) return "none";
    return link ? make("a", { href: link }, path) : path;
  };

  const dialog = document.getElementById("case");
  const body = document.getElementById("case-body");
  const title = document.getElementById("case-title");
  let shown = null;
  let found = cases;

  const show = (one) => {
    shown = one;
    title.textContent = one.id;
    const messages = (one.rest.m ?? []).map(frame);
    messages.forEach((it) => { if (it.querySelector("mark, .hit")) it.open = true; });
    const bare = one.rest.f && !messages.length;
    body.replaceChildren(
      make("p", {}, badge(one.state), ` ${one.word}`),
      make("dl", { class: "story" }, ...lines(one.story), pair("time", text(one.time)),
        pair("evidence", evidence(one)),
        pair("again", make("code", {}, one.rest.r ?? `countersign run --case ${one.id}`)),
        pair("rules", text(one.checks) || "none was evaluated")),
      ...(one.rest.f ?? []).map((it) => finding(data.findings[it], one.target)),
      ...(one.rest.n ? [make("p", { class: "facts" }, `${one.rest.n} more findings are in results.json.`)] : []),
      ...(messages.length ? [make("h3", {}, "Decoded messages"), ...messages] : []),
      ...(bare ? [make("p", { class: "facts" }, "Its messages are in the evidence.")] : []),
    );
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    title.focus();
    const place = found.indexOf(one);
    document.getElementById("earlier").disabled = place <= 0;
    document.getElementById("later").disabled = place < 0 || place + 1 >= found.length;
    address(`#${one.id}`);
  };
  const address = (hash) => {
    try { history.replaceState(null, "", hash || location.pathname + location.search); } catch { /* a page without an address of its own */ }
  };
  const step = (by) => { const next = found[found.indexOf(shown) + by]; if (next) show(next); };
  document.getElementById("earlier").addEventListener("click", () => step(-1));
  document.getElementById("later").addEventListener("click", () => step(1));
  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => address(""));

  const arrive = () => {
    const raw = location.hash.slice(1);
    if (!raw) return;
    let hash = raw;
    try { hash = decodeURIComponent(raw); } catch { /* as it is */ }
    const number = /^c(\d+)$/.exec(hash);
    const one = number ? cases[Number(number[1])] : hash.includes("@") ? cases.find((it) => it.id === hash) : undefined;
    if (one) return show(one);
    // What a link leads to is folded out.
    for (let it = document.getElementById(hash); it; it = it.parentElement) if (it.tagName === "DETAILS") it.open = true;
  };
  addEventListener("hashchange", arrive);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#c"]');
    const one = link && /^#c(\d+)$/.exec(link.getAttribute("href"));
    if (one && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); show(cases[Number(one[1])]); }
  });

  // What needs a look comes first.
  const urgency = ["bad", "unsure", "known", "good", "quiet"];
  const ordered = [...cases].sort((a, b) => urgency.indexOf(data.states[a.state][2]) - urgency.indexOf(data.states[b.state][2]));
  const form = document.getElementById("filter");
  const list = document.getElementById("list");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const PAGE = 100;
  let listed = 0;
  const options = (name, all) => form.elements[name].append(...all.map(([value, word]) => make("option", { value }, word)));
  const distinct = (of) => [...new Set(cases.map(of))].map((it) => [it, it]);
  options("verdict", data.states.map(([mark, word], state) => [state, `${mark} ${word}`]));
  options("target", distinct((it) => it.target));
  options("scenario", distinct((it) => it.scenario));
  const extend = () => {
    const next = found.slice(listed, listed + PAGE).map((one) => make("li", {}, make("a", { href: `#c${one.index}` },
      badge(one.state), make("span", { class: "word" }, one.word === data.states[one.state][1] ? "" : one.word),
      make("span", {}, make("b", {}, one.scenario), ` on ${one.target} `, make("code", {}, one.cell.replaceAll(",", ", "))))));
    list.append(...next);
    listed += next.length;
    more.hidden = listed >= found.length;
    more.textContent = `Show ${Math.min(PAGE, found.length - listed)} more of ${found.length - listed}`;
    return next[0];
  };
  const filter = () => {
    const { verdict, target, scenario, search } = form.elements;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = ordered.filter((it) => (verdict.value === "" || it.state === Number(verdict.value))
      && (target.value === "" || it.target === target.value) && (scenario.value === "" || it.scenario === scenario.value)
      && words.every((word) => it.words.includes(word)));
    listed = 0;
    list.replaceChildren();
    extend();
    count.textContent = `${found.length} of ${cases.length} cases`;
  };
  let waiting;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 60); });
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  more.addEventListener("click", () => extend()?.querySelector("a").focus());

  form.hidden = false;
  filter();
  arrive();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
