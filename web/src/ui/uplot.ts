/** The drawing library behind Chart, loaded when a chart is shown. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Series } from "./chart";

interface Drawing {
  times: number[];
  series: Series[];
  bars: boolean;
  height: number;
  /** Tells which value the pointer is at; null when it has left. */
  moved: (index: number | null) => void;
}

/** Draws into `box`, as wide as it is. */
export function draw(box: HTMLElement, { times, series, bars, height, moved }: Drawing): uPlot {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const step = (times[1] ?? 0) - (times[0] ?? 0); // room for the bars beside the first and the last time
  const axis: uPlot.Axis = {
    stroke: colour("--faint"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return new uPlot(
    {
      width: box.clientWidth,
      height,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
      scales: { x: { range: (_, first, last) => (bars ? [first - step, last + step] : [first, last]) }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
      axes: [
        { ...axis, size: 30, grid: { show: false }, values: (_, splits) => splits.map((at, i) => tick(at, splits[i - 1])) },
        { ...axis, size: 62, space: 36, values: (_, splits) => splits.map((value) => String(Number(value.toPrecision(4)))) },
      ],
      series: [{}, ...series.map((one) => line(one, colour(one.colour), bars))],
      hooks: { setCursor: [(plot) => moved(plot.cursor.left !== undefined && plot.cursor.left >= 0 ? (plot.cursor.idx ?? null) : null)] },
    },
    [times, ...series.map((one) => one.values)],
    box,
  );
}

function line(one: Series, stroke: string, bars: boolean): uPlot.Series {
  const fill = `color-mix(in srgb, ${stroke} ${bars ? 100 : 10}%, transparent)`;
  const common: uPlot.Series = { label: one.name, stroke, width: bars ? 0 : 2, fill, points: { show: false } };
  const paths = bars ? uPlot.paths.bars?.({ size: [0.4, 24], align: one.side ?? 0 }) : uPlot.paths.stepped?.({ align: 1 });
  return paths ? { ...common, paths } : common;
}

/** The time of day; the date where a new one begins. */
function tick(at: number, before: number | undefined): string {
  const date = new Date(at * 1000);
  if (before !== undefined && date.toDateString() !== new Date(before * 1000).toDateString())
    return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}
