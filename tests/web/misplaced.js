// What is off the screen sideways, or overlaps, of all that is not in a box which scrolls: a line for each.
() => {
  const KINDS = "a, button, input:not([type=hidden]), select, textarea, summary, h1, h2, h3, p, dt, dd, label, th, td";
  const HIDDEN = ".unseen, .skip, details:not([open]) > :not(summary)";
  const scrolls = (element) => {
    for (let box = element.parentElement; box; box = box.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(box);
      if (![overflowX, overflowY].every((value) => value === "visible" || value === "clip")) return true;
    }
    return false;
  };
  const name = (element) => {
    const words = (element.textContent || element.name || "").trim().slice(0, 40);
    return `${element.tagName.toLowerCase()} ${words}`;
  };
  const elements = [...document.querySelectorAll(KINDS)].filter(
    (element) => element.checkVisibility() && !element.closest(HIDDEN) && !scrolls(element),
  );
  const problems = new Set();
  const leaves = [];
  for (const element of elements) {
    const rects = [...element.getClientRects()];
    if (rects.some((rect) => rect.left < -1 || rect.right > innerWidth + 1))
      problems.add(`off the screen: ${name(element)}`);
    if (rects.length && !elements.some((other) => other !== element && element.contains(other)))
      leaves.push([element, rects]);
  }
  const share = (one, other) => {
    const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    return width > 2 && height > 4;
  };
  leaves.forEach(([element, rects], at) => {
    for (const [other, others] of leaves.slice(at + 1))
      if (rects.some((one) => others.some((two) => share(one, two))))
        problems.add(`overlap: ${name(element)} and ${name(other)}`);
  });
  return [...problems].slice(0, 20);
}
