/** How far from their deadline operations ended, over time. */
import type { DeadlineRow } from '../deadlines.ts';
import type { BeyondMaps, Deadlines } from './answers.ts';
import { useAnswer } from './ask.ts';
import { BeyondView } from './beyond.tsx';
import { clock, count, ms, step } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty, Head } from './parts.tsx';

/** Where each shade but the first begins, in ms from the deadline. */
const SHADES = [-1_000, -100, 0, 10, 100, 1_000];
const SHADE_NAMES = [
  ...['more than 1 s early', 'more than 100 ms early', 'up to 100 ms early'],
  ...['up to 10 ms late', 'up to 100 ms late', 'up to 1 s late', 'more than 1 s late'],
];

export function DeadlinesView({ address, version }: ViewProps) {
  const { value } = useAnswer<Deadlines>('deadlines', version);
  const { value: maps } = useAnswer<BeyondMaps>('beyond', version);
  if (value === undefined || maps === undefined) return <Empty>Loading …</Empty>;
  const { operations, asyncTypes } = value;
  return (
    <>
      <h1>Deadlines</h1>
      {operations.length === 0 ? (
        <Empty>No operation with a deadline has ended yet.</Empty>
      ) : (
        <>
          <p class="dim">
            How far from their deadlines operations ended, the worst of each cell: {step(value.stepMs)}.
          </p>
          <Legend />
          <HeatMap title="operation" rows={operations} deadlines={value} />
        </>
      )}
      {asyncTypes.length > 0 && (
        <>
          <h2>By what was pending</h2>
          <p class="dim">
            Types of Node's async resources that operations were waiting for when they were cancelled, of
            services with the option trackAsync.
          </p>
          <HeatMap title="type" rows={asyncTypes} deadlines={value} />
        </>
      )}
      <BeyondView address={address} maps={maps} />
    </>
  );
}

function Legend() {
  return (
    <ul class="legend" aria-label="Colours">
      {SHADE_NAMES.map((name, index) => (
        <li key={name}>
          <span class={`cell heat-${index}`} aria-hidden="true" /> {name}
        </li>
      ))}
    </ul>
  );
}

function HeatMap(props: { title: string; rows: readonly DeadlineRow[]; deadlines: Deadlines }) {
  const { title, rows, deadlines } = props;
  return (
    <table class="heat">
      <Head columns={[title, '#missed', '#median', '#worst', `from ${clock(deadlines.startMs)}`]} />
      <tbody>
        {rows.map((row) => (
          <tr key={row.service + row.name}>
            <th scope="row">
              {row.service} {row.name}
            </th>
            <td class="number" data-name="missed">
              {row.missedCount} of {row.count}
            </td>
            <td class="number" data-name="median">
              {ms(row.medianMs)}
            </td>
            <td class="number" data-name="worst">
              {ms(row.worstMs)}
            </td>
            <td>
              <Cells row={row} deadlines={deadlines} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cells({ row, deadlines: { startMs, stepMs } }: { row: DeadlineRow; deadlines: Deadlines }) {
  const missed = row.cells.filter((cell) => cell !== null && cell.missedCount > 0).length;
  const seen = row.cells.filter((cell) => cell !== null).length;
  return (
    <div class="cells" role="img" aria-label={`Missed in ${missed} of ${count(seen, 'cell')}`}>
      {row.cells.map((cell, index) => (
        <span
          key={index.toString()}
          class={cell === null ? 'cell' : `cell heat-${shadeOf(cell.worstMs)}`}
          title={
            cell === null
              ? undefined
              : `${clock(startMs + index * stepMs)}: worst ${ms(cell.worstMs)}, ${cell.missedCount} of ${cell.count} missed`
          }
        />
      ))}
    </div>
  );
}

function shadeOf(worstMs: number): number {
  return SHADES.filter((from) => worstMs > from).length;
}
