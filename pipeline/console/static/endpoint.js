// Ask an endpoint about pictures that are dropped, chosen or pasted, without leaving the page.
// What is shown comes from the server, escaped; only the pictures themselves are added here.
const form = document.getElementById("ask");
const answers = document.getElementById("answers");
const most = Number(form.dataset.most);
const largest = Number(form.dataset.largest);
let addresses = [];
let turn = 0;

for (const one of form.querySelectorAll(".scripted")) one.hidden = false;

function tell(text, problem = false) {
  const line = document.createElement("p");
  line.className = problem ? "note bad" : "muted";
  line.textContent = text;
  answers.replaceChildren(line);
}

function chosen() {
  return [...form.querySelectorAll("input[type=file]")].flatMap((one) => [...one.files]);
}

function problemOf(files) {
  if (files.length > most) return `${files.length} pictures are too many at once: at most ${most}.`;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > largest) return `These are more than ${Math.floor(largest / 2 ** 20)} MB: take fewer.`;
  return "";
}

// A picture that the browser cannot show, a TIFF for example, is left out.
function addPictures(files) {
  addresses.forEach((one) => URL.revokeObjectURL(one));
  addresses = files.map((file) => URL.createObjectURL(file));
  for (const answer of answers.querySelectorAll("[data-picture]")) {
    const picture = document.createElement("img");
    picture.alt = "";
    picture.addEventListener("error", () => picture.remove());
    picture.src = addresses[Number(answer.dataset.picture)];
    (answer.querySelector(".looked") ?? answer).prepend(picture); // below where it looks
  }
}

async function send(address, files, doing) {
  const problem = problemOf(files);
  if (problem) return tell(problem, true);
  const own = (turn += 1);
  tell(doing);
  const body = new FormData();
  body.append("csrf", form.elements.csrf.value);
  if (form.elements.explain.checked) body.append("explain", "yes");
  for (const file of files) body.append("pictures", file, file.name);
  try {
    const answer = await fetch(address, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (own !== turn) return undefined; // another was asked meanwhile
    const found = page.getElementById("answers");
    if (!found) return tell(page.querySelector("main")?.textContent.trim() || "No answer.", true);
    answers.replaceChildren(...document.adoptNode(found).childNodes);
    addPictures(files);
  } catch {
    if (own === turn) tell("The console does not answer: is it running?", true);
  }
  return undefined;
}

function ask(files) {
  const what = files.length === 1 ? files[0].name : `${files.length} pictures`;
  return files.length ? send(form.action, files, `Asking about ${what} …`) : undefined;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const address = event.submitter?.formAction || form.action;
  if (address === form.action && !chosen().length) return tell("Choose a picture first.", true);
  return send(address, chosen(), address === form.action ? "Asking …" : "Measuring …");
});
form.addEventListener("change", () => ask(chosen())); // of files, or of what to show of them
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) {
    event.preventDefault();
    ask(files);
  }
});
// Beside the form, a dropped file would replace the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("over");
  ask([...event.dataTransfer.files]);
});
