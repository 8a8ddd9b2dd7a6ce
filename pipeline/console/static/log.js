// Let a log grow: ask for what came since whenever something changed, and stay at its end.
const log = document.querySelector("[data-log]");
let from = Number(log?.dataset.from);
let busy = false;

async function more() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    for (;;) {
      const answer = await fetch(`${log.dataset.log}?from=${from}`);
      if (!answer.ok) break;
      const end = Number(answer.headers.get("x-end"));
      if (!(end > from)) break;
      from = end;
      const text = await answer.text();
      const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      log.append(text);
      if (atEnd) log.scrollTop = log.scrollHeight;
    }
  } catch {
    // the server is away
  }
  busy = false;
}

function go() {
  const address = document.querySelector("[data-go]")?.dataset.go;
  // Whoever came back to look at what was printed stays.
  if (address && document.documentElement.dataset.waiting) location.replace(address);
}

if (log) {
  log.scrollTop = log.scrollHeight;
  document.addEventListener("changed", more);
  if (!document.querySelector("[data-go]")) document.documentElement.dataset.waiting = "yes";
  document.addEventListener("replaced", go);
}
