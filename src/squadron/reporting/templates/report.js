"use strict";
(() => {
  const { specs, narrow, words } = JSON.parse(document.getElementById("charts").textContent);

  // Charts, in a narrower shape where the page is narrow: text keeps its size, and nothing scrolls sideways.
  // Expressions are interpreted, not compiled: the page's policy allows no eval.
  const phone = matchMedia("screen and (max-width: 38rem)");
  const draw = () => {
    const shown = phone.matches ? narrow : specs;
    for (const holder of document.querySelectorAll("[data-chart]")) {
      const options = { ast: true, actions: false, renderer: "svg", mode: "vega" };
      vegaEmbed(holder, shown[holder.dataset.chart], options).then(
        // The holder is the picture and says what it shows; its single strokes have no names.
        () => holder.querySelector("svg").setAttribute("aria-hidden", "true"),
        () => { holder.textContent = words.chart_failed; },
      );
    }
  };
  // Letters are measured when a chart is drawn: the font must be there by then.
  Promise.all([document.fonts.load("11px Vazirmatn"), document.fonts.load("bold 11px Vazirmatn")]).then(draw, draw);
  phone.addEventListener("change", draw);

  // Tables. A number sorts by its value, whatever digits it is written in; what has none comes last.
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const value = (cell) => ("number" in cell.dataset ? Number(cell.dataset.number) : null);
  const compare = (one, other) => {
    const [a, b] = [value(one), value(other)];
    return a !== null && b !== null ? a - b : order.compare(one.textContent, other.textContent);
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const [body] = table.tBodies;
    for (const head of table.tHead.rows[0].cells) {
      const column = head.cellIndex;
      const cells = [...body.rows].map((row) => row.cells[column]);
      const numeric = cells.some((cell) => value(cell) !== null);
      const button = document.createElement("button");
      button.type = "button";
      button.title = words.sort;
      button.setAttribute("aria-label", `${words.sort}: ${head.textContent.trim()}`);
      head.append("\u2060", button); // joined: the sign never stands alone on a line
      head.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        // The greatest numbers are wanted first, and the first words.
        const down = before === null ? numeric : before === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const empty = (row) => numeric && value(row.cells[column]) === null;
        const rows = [...body.rows].sort(
          (a, b) => empty(a) - empty(b) || (down ? -1 : 1) * compare(a.cells[column], b.cells[column]),
        );
        body.append(...rows);
      });
    }
  }

  // What is wider than the page scrolls by itself, and by the keyboard; where nothing scrolls, nothing is to be reached.
  // A shade lies over the side where there is more.
  const shade = (scroller) => {
    const frame = scroller.closest(".frame");
    if (!frame) return;
    const passed = Math.abs(scroller.scrollLeft);
    const behind = passed > 1;
    const ahead = passed < scroller.scrollWidth - scroller.clientWidth - 1;
    const leftward = getComputedStyle(scroller).direction === "rtl";
    frame.classList.toggle("more-left", leftward ? ahead : behind);
    frame.classList.toggle("more-right", leftward ? behind : ahead);
  };
  const reachable = (scroller) => {
    const wide = scroller.scrollWidth > scroller.clientWidth;
    const { label } = scroller.dataset;
    const named = label ? { role: "region", "aria-labelledby": label } : {};
    for (const [name, text] of Object.entries({ tabindex: "0", ...named })) {
      if (wide) scroller.setAttribute(name, text);
      else scroller.removeAttribute(name);
    }
    const hint = scroller.closest(".frame")?.parentElement.querySelector(".wider");
    if (hint) hint.hidden = !wide;
    shade(scroller);
  };
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => reachable(entry.target.closest(".scroll"))));
  for (const scroller of document.querySelectorAll(".scroll")) {
    watch.observe(scroller);
    scroller.addEventListener("scroll", () => shade(scroller), { passive: true });
    if (scroller.firstElementChild) watch.observe(scroller.firstElementChild);
  }

  // Light and dark. A page from disk may not be allowed to remember the choice.
  const root = document.documentElement;
  const toggle = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try { return localStorage.getItem("squadron-theme"); } catch { return null; }
  };
  const remember = (theme) => {
    try { localStorage.setItem("squadron-theme", theme); } catch { /* the choice holds for this page alone */ }
  };
  const choose = (theme) => {
    root.dataset.theme = theme;
    toggle.setAttribute("aria-pressed", String(theme === "dark"));
  };
  choose(remembered() ?? (system.matches ? "dark" : "light"));
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    remember(theme);
    choose(theme);
  });
  system.addEventListener("change", () => { if (!remembered()) choose(system.matches ? "dark" : "light"); });
})();
