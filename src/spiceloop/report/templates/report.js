/* Draws the plots from the JSON blocks, links them, and serves the copy buttons. */
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const divs = Array.from(document.querySelectorAll(".plot"));

  document.documentElement.classList.add("js");  // without it the pictures stand in for the plots

  function theme(layout) {
    layout.font = Object.assign({}, layout.font, {
      color: color("--fg"),
      family: getComputedStyle(document.body).fontFamily,
    });
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: color("--dim"), activecolor: color("--fg") };
    for (const key of Object.keys(layout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      layout[key].gridcolor = color("--line");
      layout[key].linecolor = color("--dim");
    }
    return layout;
  }

  /* The blue of Okabe and Ito is too dark on a dark page; their sky blue stands in for it there. */
  function specification(div) {
    const text = document.getElementById(div.id.replace("plot-", "spec-")).textContent;
    return JSON.parse(text.replaceAll("#0072B2", color("--series")));
  }

  function draw(div) {
    const spec = specification(div);
    return window.Plotly.newPlot(div, spec.data, theme(spec.layout), {
      responsive: true,
      displaylogo: false,
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "select2d", "resetScale2d"]],
      toImageButtonOptions: { format: "svg", filename: div.id },
    });
  }

  /* The trials marked in one figure are marked in the others; null clears. */
  function mark(numbers) {
    for (const div of divs) {
      if (div.dataset.role === "matrix") {
        const chosen = div.data.map((trace) =>
          numbers && trace.customdata.flatMap((n, i) => (numbers.has(n) ? [i] : [])));
        window.Plotly.restyle(div, { selectedpoints: chosen });
      } else if (div.dataset.role === "parallel") {
        markLines(div, numbers);
      }
    }
  }

  function markLines(div, numbers) {
    const own = div.data.filter((trace) => trace.name !== "marked");
    const line = { x: [], y: [], text: [], customdata: [] };
    for (const trace of own) {
      trace.customdata.forEach((n, i) => {
        if (numbers && numbers.has(n)) {
          for (const key of Object.keys(line)) line[key].push(trace[key][i]);
          if (trace.customdata[i + 1] === null) {
            for (const key of Object.keys(line)) line[key].push(null);
          }
        }
      });
    }
    div.plain = div.plain || own.map((trace) => trace.opacity);
    const data = own.map((trace, i) =>
      Object.assign({}, trace, { opacity: numbers ? 0.1 : div.plain[i], selectedpoints: null }));
    if (numbers) {
      data.push(Object.assign(line, {
        type: "scatter", mode: "lines+markers", name: "marked", connectgaps: false,
        line: { color: color("--accent"), width: 2 }, marker: { size: 5 },
        hovertemplate: "trial %{customdata}<br>%{text}<extra></extra>",
      }));
    }
    window.Plotly.react(div, data, div.layout);
  }

  let marking = false;
  function onSelected(event) {
    if (marking || !event || !event.points || !event.points.length) return;
    marking = true;
    mark(new Set(event.points.map((p) => p.customdata).filter((n) => n !== null)));
    marking = false;
  }

  async function start() {
    for (const div of divs) {
      await draw(div);
      if (!div.dataset.role) continue;
      div.on("plotly_selected", onSelected);
      div.on("plotly_deselect", () => mark(null));
      div.on("plotly_doubleclick", () => mark(null));
    }
    dark.addEventListener("change", () => {
      for (const div of divs) {
        const spec = specification(div);
        window.Plotly.react(div, spec.data, theme(spec.layout));
      }
    });
    document.documentElement.dataset.drawn = String(divs.length);
  }
  if (window.Plotly) start();

  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(text.textContent);
      } catch {
        window.getSelection().selectAllChildren(text);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  const links = new Map(
    Array.from(document.querySelectorAll("nav a"), (a) => [a.getAttribute("href").slice(1), a]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const a of links.values()) a.classList.remove("here");
      links.get(entry.target.id).classList.add("here");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const section of document.querySelectorAll("main section")) watcher.observe(section);
})();
