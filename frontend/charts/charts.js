// The charts of a run: uPlot with the page's look, told by the page what to draw.
//
// `cargo xtask page` bundles it into one script, which the page loads when charts are first unfolded; it then stands at
// `window.millraceCharts`. The page speaks to it through `create` and the methods of what that gives; see `lab/charts/script.rs`.
//
// Absent on purpose: what is drawn. The page counts, says it in words and shows it as a table; this only draws.

import uPlot from "uplot";

/** Least space between two lines of the grid, and the height of the axis of time. Pixels. */
const LINE_PX_MIN = 26;
const AXIS_PX = 18;

/** Puts a chart into `host`. `said(words)` hears of the pointer: `at 1.25`, `go 1.25` when it wants to go there, in seconds, or `away`. */
export function create(host, said) {
  return new Chart(host, said);
}

class Chart {
  constructor(host, said) {
    this.host = host;
    this.said = said;
    this.plot = null;
    this.look = "";
    this.line = document.createElement("span");
    this.line.className = "pointed";
    this.at = null;
  }

  /**
   * Draws a plan: `width` and `height` in pixels; `gutter` and `right`, the space beside the drawing; `from` and `to`, the seconds
   * between which is what is shown; `ticks`, pairs of seconds and words; `colours` (`line`, `quiet`) and `font`; `edges`, the seconds at which the parts of the
   * time begin, and the end of the last; and `series`, each with a `colour`, a `dash` and `values`, one for each edge.
   */
  draw(plan) {
    const { width, height, from, to, series, edges } = plan;
    const data = [edges, ...series.map(({ values }) => values)];
    const look = JSON.stringify([plan.colours, plan.font, plan.gutter, plan.right, series.map(({ colour, dash }) => [colour, dash])]);
    this.plan = plan;
    if (look === this.look) {
      if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
      this.plot.setData(data, false);
    } else {
      this.plot?.destroy();
      this.plot = new uPlot(this.options(plan), data, this.host);
      this.look = look;
      this.listen(this.plot.over);
    }
    this.plot.batch(() => {
      this.plot.setScale("x", { min: from, max: to });
      this.plot.setScale("y", { min: 0, max: room(series) });
    });
    this.point(this.at);
  }

  options({ width, height, gutter, right, colours, font, series }) {
    const axis = { stroke: colours.quiet, font, grid: { stroke: colours.line, width: 1 }, ticks: { show: false }, gap: 4 };
    const lines = series.map(({ colour, dash }) => ({
      stroke: colour,
      dash,
      width: 1.5,
      paths: uPlot.paths.stepped({ align: 1 }),
      points: { show: false },
    }));
    return {
      width,
      height,
      padding: [6, right, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, auto: false }, y: { auto: false } },
      axes: [
        {
          ...axis,
          size: AXIS_PX,
          splits: () => this.plan.ticks.map(([at]) => at),
          values: () => this.plan.ticks.map(([, word]) => word),
        },
        { ...axis, size: gutter, space: LINE_PX_MIN, values: (_, splits) => splits.map(short) },
      ],
      series: [{}, ...lines],
    };
  }

  listen(over) {
    over.append(this.line);
    const moment = (event) => {
      const { left } = over.getBoundingClientRect();
      return Math.min(Math.max(this.plot.posToVal(event.clientX - left, "x"), this.plan.from), this.plan.to);
    };
    over.addEventListener("pointermove", (event) => this.said(`at ${moment(event)}`));
    over.addEventListener("pointerleave", () => this.said("away"));
    over.addEventListener("click", (event) => this.said(`go ${moment(event)}`));
  }

  /** Shows the moment that is pointed at, in seconds, here or elsewhere on the page; none without a number. */
  point(at) {
    this.at = at ?? null;
    const shown = this.plot !== null && this.at !== null && this.at >= this.plan.from && this.at <= this.plan.to;
    this.line.classList.toggle("shown", shown);
    if (shown) this.line.style.transform = `translateX(${this.plot.valToPos(this.at, "x")}px)`;
  }

  destroy() {
    this.plot?.destroy();
  }
}

/** The upper end of the axis: a little above the greatest value. */
function room(series) {
  const most = series.reduce((most, { values }) => values.reduce((most, value) => Math.max(most, value ?? 0), most), 0);
  return most > 0 ? most * 1.1 : 1;
}

/** A number beside the axis, in four characters or little more. */
function short(number) {
  const [size, unit] = [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ].find(([size]) => number >= size) ?? [1, ""];
  return `${Number((number / size).toPrecision(3))}${unit}`;
}
