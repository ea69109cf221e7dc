import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { moment } from "../format";

export interface Series {
  name: string;
  /** A colour variable of the style sheet, such as "--good". */
  colour: string;
  values: number[];
  /** What the legend says in place of the values. */
  told?: number[];
  /** On which side of its time a bar stands. */
  side?: -1 | 1;
}

interface ChartProps {
  /** Seconds since 1970, one for each value. */
  times: number[];
  series: Series[];
  bars?: boolean;
  /** Writes a value for the legend. */
  show: (value: number) => string;
  /** What the picture shows, for who cannot see it. */
  label: string;
}

const kHeight = 180;

/** Lines or bars over time, with a legend that follows the pointer; without one it tells the newest value of lines, the sum of bars. */
export function Chart({ times, series, bars = false, show, label }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const [at, set_at] = useState<number | null>(null);
  const dark = use_dark();
  const shape = JSON.stringify([times, series, bars, dark]);
  useEffect(() => {
    let plot: uPlot | undefined;
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("./uplot").then(({ draw }) => {
      const element = box.current;
      if (gone || !element) return;
      plot = draw(element, { times, series, bars, height: kHeight, moved: set_at });
      observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: kHeight }));
      observer.observe(element);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      plot?.destroy();
      set_at(null);
    };
  }, [shape]);
  const time = at === null ? undefined : times[at];
  const value_of = ({ values, told = values }: Series) => {
    if (at !== null) return told[at] ?? 0;
    return bars ? told.reduce((sum, one) => sum + one, 0) : (told[told.length - 1] ?? 0);
  };
  return (
    <figure class="chart">
      <div class="plot" ref={box} role="img" aria-label={label} style={{ height: `${kHeight}px` }} />
      <figcaption>
        {series.map((one) => (
          <span key={one.name}>
            <i style={{ background: `var(${one.colour})` }} aria-hidden="true" />
            {one.name} <strong>{show(value_of(one))}</strong>
          </span>
        ))}
        <span class="when">{time === undefined ? (bars ? "in all" : "now") : moment(time * 1000)}</span>
      </figcaption>
    </figure>
  );
}

/** Whether the page is dark, kept current. */
function use_dark(): boolean {
  const [dark, set] = useState(matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => set(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return dark;
}
