/** Lines over time, by uPlot: it draws on a canvas, so what it shows is told in words as well. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { clock } from './format.ts';

export interface Series {
  readonly label: string;
  readonly values: readonly number[];
  /** Name of a custom property of the style sheet. */
  readonly color: string;
}

const HEIGHT = 150;
/** Half of a time on the axis, in px: of the last one. */
const LAST_TIME = 28;
/** Between two times on the axis, in px. */
const APART = 90;
/** Steps of the axis: operations are whole. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

export function Chart(props: { label: string; startMs: number; stepMs: number; series: readonly Series[] }) {
  const { label, startMs, stepMs, series } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const isDark = useDark();
  const times = (series[0]?.values ?? []).map((_, index) => (startMs + index * stepMs) / 1_000);
  const data: uPlot.AlignedData = [times, ...series.map(({ values }) => [...values])];

  useEffect(() => {
    const { current: element } = place;
    if (element === null) return;
    const made = new uPlot(optionsOf(element, series), data, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [isDark]);

  useEffect(() => plot.current?.setData(data), [data]);

  const said = series
    .map((each) => `${each.label} ${each.values.reduce((sum, value) => sum + value, 0)}`)
    .join(', ');
  return <div class="chart" ref={place} role="img" aria-label={`${label}: ${said}`} />;
}

function optionsOf(element: HTMLElement, series: readonly Series[]): uPlot.Options {
  const style = getComputedStyle(element);
  const line = { stroke: style.getPropertyValue('--line'), width: 1 };
  const axis = {
    ...{ stroke: style.getPropertyValue('--dim'), font: `12px ${style.fontFamily}` },
    ...{ grid: line, ticks: line },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [null, LAST_TIME, null, null],
    scales: { y: { range: (_, _min, max) => [0, Math.max(max ?? 0, 1)] } },
    axes: [
      { ...axis, space: APART, size: 30, values: (_, splits) => splits.map((at) => clock(at * 1_000)) },
      { ...axis, size: 40, incrs: WHOLE },
    ],
    series: [
      {},
      ...series.map(({ label, color }) => ({
        ...{ label, width: 1.5, stroke: style.getPropertyValue(color) },
        points: { show: false },
      })),
    ],
    cursor: { show: false },
    legend: { live: false },
  };
}

/** Its colours are those of the style sheet, which change with the user's wish. */
function useDark(): boolean {
  const [query] = useState(() => matchMedia('(prefers-color-scheme: dark)'));
  const [isDark, setDark] = useState(query.matches);
  useEffect(() => {
    const read = () => setDark(query.matches);
    query.addEventListener('change', read);
    return () => query.removeEventListener('change', read);
  }, [query]);
  return isDark;
}
