// Keep what is marked data-live as the server has it now, without losing the reader's place.
// <section id="x" data-live>           this page's own section x, fetched again when something changed
// <section id="x" data-live="/a/b">    section x of another address
// <section id="x" data-live data-every="2">   and every two seconds as well
// <pre class="scroll" data-tail>       is shown at its end
// <tr id="y" data-say="Run y: failed"> its words are spoken when they change
// <span data-since="1764441600">       a duration that goes on
const LEAST_GAP = 400; // milliseconds between two looks
const said = document.getElementById("said");
const lost = document.getElementById("lost");
let source = null;
let asked = false;
let busy = false;

const words = (root) =>
  new Map([...root.querySelectorAll("[id][data-say]")].map((one) => [one.id, one.dataset.say]));

function keepOpen(old, fresh) {
  for (const one of old.querySelectorAll("details[id]")) {
    const other = fresh.querySelector(`#${CSS.escape(one.id)}`);
    if (other) other.open = one.open;
  }
}

// What only the clock changed is no news.
function keepClocks(old, fresh) {
  const shown = new Map([...old.querySelectorAll("[data-since]")].map((one) => [one.dataset.since, one.textContent]));
  for (const one of fresh.querySelectorAll("[data-since]")) {
    if (shown.has(one.dataset.since)) one.textContent = shown.get(one.dataset.since);
  }
}

function replace(old, fresh) {
  keepClocks(old, fresh);
  keepOpen(old, fresh);
  if (old.isEqualNode(fresh)) return;
  const focus = old.contains(document.activeElement) ? document.activeElement : null;
  const key = focus && selectorOf(focus);
  const scrolled = [...old.querySelectorAll(".scroll")].map((one) => ({
    left: one.scrollLeft,
    top: one.scrollTop,
    atEnd: one.scrollHeight - one.scrollTop - one.clientHeight < 40,
  }));
  const before = words(old);
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll").forEach((one, number) => {
    const before = scrolled[number];
    if (before) [one.scrollLeft, one.scrollTop] = [before.left, before.top];
    if (!before || before.atEnd) toEnd(one);
  });
  if (key) (fresh.matches(key) ? fresh : fresh.querySelector(key))?.focus({ preventScroll: true });
  const news = [...words(fresh)].filter(([id, text]) => before.has(id) && before.get(id) !== text);
  if (news.length) said.textContent = news.map(([, text]) => text).join(". ");
  fresh.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
}

function toEnd(one) {
  if (one.matches("[data-tail]")) one.scrollTop = one.scrollHeight;
}

// A way to find the same element in what comes instead; null where there is none.
function selectorOf(element) {
  const quoted = (text) => `"${CSS.escape(text)}"`;
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.matches("summary") && element.parentElement.id) {
    return `#${CSS.escape(element.parentElement.id)} > summary`;
  }
  for (const name of ["href", "aria-label"]) {
    if (element.hasAttribute(name)) return `[${name}=${quoted(element.getAttribute(name))}]`;
  }
  const action = element.form?.getAttribute("action");
  return action ? `form[action=${quoted(action)}] button` : null;
}

const addressOf = (element) => element.dataset.live || location.href;

async function look(elements) {
  for (const address of new Set(elements.map(addressOf))) {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (!answer.ok) continue;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of elements.filter((one) => addressOf(one) === address)) {
      const fresh = page.getElementById(old.id);
      if (fresh && old.isConnected) replace(old, document.adoptNode(fresh));
    }
  }
  tick();
}

async function refresh() {
  asked = true;
  if (busy) return;
  busy = true;
  while (asked) {
    asked = false;
    try {
      await look([...document.querySelectorAll("[data-live]")]);
    } catch {
      // the server is away: its next event says when it is back
    }
    await new Promise((done) => setTimeout(done, LEAST_GAP));
  }
  busy = false;
}

// A browser has few connections for all pages of a server: one that is not seen takes none.
function listen() {
  source?.close();
  source = null;
  if (document.hidden || !document.querySelector("[data-live], [data-log]")) return;
  source = new EventSource(document.body.dataset.events);
  source.addEventListener("error", () => lose(true));
  source.addEventListener("open", () => {
    refresh(); // what happened since the page was made, or while the server was away, was not heard
    lose(false);
  });
  source.addEventListener("changed", () => {
    refresh();
    document.dispatchEvent(new Event("changed"));
  });
}

function lose(isLost) {
  lost.hidden = !isLost;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${two(Math.floor(seconds % 60))} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

function tick() {
  for (const one of document.querySelectorAll("[data-since]")) {
    const text = duration(Date.now() / 1000 - Number(one.dataset.since));
    if (one.textContent !== text) one.textContent = text;
  }
}

// A second click does nothing twice. What a page's own script sends, it may send again.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && !event.defaultPrevented && event.target.method === "post") setTimeout(() => (button.disabled = true));
});
document.addEventListener("visibilitychange", () => {
  listen();
  if (!document.hidden) refresh();
});
for (const one of document.querySelectorAll("[data-every]")) {
  setInterval(() => document.hidden || refresh(), 1000 * Number(one.dataset.every));
}
setInterval(tick, 1000);
document.querySelectorAll("[data-tail]").forEach(toEnd);
listen();
