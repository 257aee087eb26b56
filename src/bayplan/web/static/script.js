// Buttons that copy a text: without this script they are not there. Nothing else depends on it.
"use strict";
const menu = document.querySelector(".menu");
if (menu) {
  const summary = menu.querySelector("summary");
  document.addEventListener("click", ({ target }) => { menu.open = menu.open && menu.contains(target); });
  menu.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && menu.open) {
      menu.open = false;
      summary.focus();
    }
  });
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  const label = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    let word = "Copied";
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      word = "Not copied";
    }
    button.textContent = word;
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}
