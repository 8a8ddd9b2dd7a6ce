// Whoever types a class means that the picture is to get it.
document.addEventListener("input", (event) => {
  if (!event.target.matches(".doubts input[list]")) return;
  const relabel = event.target.closest("fieldset").querySelector("input[value=relabel]");
  if (event.target.value.trim()) relabel.checked = true;
});
