// Buttons that copy a text. Without this script they are not there, and nothing else depends on it.
"use strict";
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
