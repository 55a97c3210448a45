/** How far from their deadline operations ended, over time. */
import type { Deadlines } from './answers.ts';
import { useAnswer } from './ask.ts';
import { clock, count, ms } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty, Head } from './parts.tsx';

export function DeadlinesView({ version }: ViewProps) {
  const { value } = useAnswer<Deadlines>('deadlines', version);
  if (value === undefined) return <Empty>Loading …</Empty>;
  const { operations, asyncTypes, ...time } = value;
  return (
    <>
      <h1>Deadlines</h1>
      <p class="dim">
        End minus deadline, the worst of each cell; red: missed, by more the deeper it is. A cell is{' '}
        {ms(time.stepMs)}.
      </p>
      {operations.length === 0 && <Empty>No operation with a deadline has ended yet.</Empty>}
      <HeatMap of="operation" rows={operations} {...time} />
      <h2>By what was pending at the cancel</h2>
      {asyncTypes.length === 0 ? (
        <Empty>
          Only of services with the option trackAsync: the types of async resources, such as Timeout or
          TCPWRAP, that a cancelled operation with a deadline was waiting for.
        </Empty>
      ) : (
        <HeatMap of="async type" rows={asyncTypes} {...time} />
      )}
    </>
  );
}

function HeatMap(
  props: Pick<Deadlines, 'startMs' | 'stepMs'> & { of: string; rows: Deadlines['operations'] },
) {
  const { of, rows, startMs, stepMs } = props;
  return (
    <div class="wide">
      <table class="heat">
        <Head columns={[of, '#missed', '#median', '#worst', `from ${clock(startMs)}`]} />
        <tbody>
          {rows.map((row) => (
            <tr key={row.service + row.name}>
              <th scope="row">
                {row.service} {row.name}
              </th>
              <td class="number">
                {row.missedCount} of {row.count}
              </td>
              <td class="number">{ms(row.medianMs)}</td>
              <td class="number">{ms(row.worstMs)}</td>
              <td>
                <div class="cells">
                  {row.cells.map((cell, index) => (
                    <span
                      key={index}
                      class={cell === null ? 'cell' : `cell ${shadeOf(cell.worstMs)}`}
                      title={
                        cell === null
                          ? undefined
                          : `${clock(startMs + index * stepMs)}: worst ${ms(cell.worstMs)}, ${count(cell.missedCount, 'missed', 'missed')} of ${cell.count}`
                      }
                    />
                  ))}
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Steps of the style sheet: from well in time to missed by a second. */
function shadeOf(worstMs: number): string {
  const steps = [-1_000, -100, 0, 10, 100, 1_000];
  return `heat-${steps.filter((step) => worstMs > step).length}`;
}
