/** Lines over time, by uPlot: it draws on a canvas, so what it shows is told in words as well. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

export interface Series {
  readonly label: string;
  readonly values: readonly number[];
  /** Name of a custom property of the style sheet. */
  readonly color: string;
}

const HEIGHT = 150;

export function Chart(props: { label: string; startMs: number; stepMs: number; series: readonly Series[] }) {
  const { label, startMs, stepMs, series } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const times = (series[0]?.values ?? []).map((_, index) => (startMs + index * stepMs) / 1_000);
  const data: uPlot.AlignedData = [times, ...series.map(({ values }) => [...values])];

  useEffect(() => {
    const { current: element } = place;
    if (element === null) return;
    const style = getComputedStyle(element);
    const line = style.getPropertyValue('--line');
    const axis = { stroke: style.getPropertyValue('--dim'), grid: { stroke: line }, ticks: { stroke: line } };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        scales: { y: { range: (_, _min, max) => [0, Math.max(max ?? 0, 1)] } },
        axes: [axis, { ...axis, size: 40 }],
        series: [
          {},
          ...series.map(({ label, color }) => ({
            label,
            width: 1.5,
            stroke: style.getPropertyValue(color),
            points: { show: false },
          })),
        ],
        legend: { live: false },
      },
      data,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, []);

  useEffect(() => plot.current?.setData(data), [data]);

  const said = series
    .map((each) => `${each.label} ${each.values.reduce((sum, value) => sum + value, 0)}`)
    .join(', ');
  return <div class="chart" ref={place} role="img" aria-label={`${label}: ${said}`} />;
}
