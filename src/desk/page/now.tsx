/** What happens now. */

import { addressWith } from './address.ts';
import type { Overview, Work } from './answers.ts';
import { useAnswer } from './ask.ts';
import { Chart } from './chart.tsx';
import { clock, count, ms, percent } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty, Head, Origin, Place } from './parts.tsx';

const MINUTES = 5;
/** Names of custom properties of the style sheet. */
const INITIATORS = { local: '--canceled', peer: '--accent', inherited: '--dim' };
const OUTCOMES = { canceled: '--canceled', deadline_exceeded: '--deadline' };

export function NowView({ version, workVersion, state }: ViewProps) {
  const { value } = useAnswer<Overview>(`overview?seconds=${MINUTES * 60}`, version);
  if (value === undefined) return <Empty>Loading …</Empty>;
  const { startMs, perSecond, routes, lines, wasted } = value;
  return (
    <>
      <h1>Last {MINUTES} minutes</h1>
      <div class="columns">
        <section>
          <h2>Cancelled operations a second, by who began</h2>
          <PerSecond label="initiator" startMs={startMs} perSecond={perSecond} colors={INITIATORS} />
        </section>
        <section>
          <h2>By outcome</h2>
          <PerSecond label="outcome" startMs={startMs} perSecond={perSecond} colors={OUTCOMES} />
        </section>
        <Routes routes={routes} />
        <section>
          <h2>Lines that cancel most</h2>
          {lines.length === 0 && <Empty>No line of code cancelled anything.</Empty>}
          <ol class="rows">
            {lines.map((line) => (
              <li key={line.origin}>
                <b class="number">{line.count}</b> <Origin origin={line.origin} cwd={state.cwd} />
                {line.reasons[0] && <span class="dim"> “{line.reasons[0].reason}”</span>}
              </li>
            ))}
          </ol>
        </section>
        <WorkNow version={workVersion} cwd={state.cwd} />
        <section>
          <h2>Work for nobody that is over</h2>
          {wasted.length === 0 && (
            <Empty>No handler has gone on after its request was cancelled, and stopped since.</Empty>
          )}
          <ol class="rows">
            {wasted.map(({ traceId, service, route, wastedMs, endMs }) => (
              <li key={traceId + endMs}>
                <b class="number">{ms(wastedMs)}</b>{' '}
                <a href={addressWith({ trace: traceId })}>
                  {service} {route}
                </a>{' '}
                <span class="dim">{clock(endMs)}</span>
              </li>
            ))}
          </ol>
        </section>
      </div>
      {state.traces === 0 && routes.length === 0 && <Waiting source={state.source} />}
    </>
  );
}

function WorkNow({ version, cwd }: { version: number; cwd: string }) {
  const { value: works = [] } = useAnswer<readonly Work[]>('work', version);
  return (
    <section>
      <h2>Work for nobody right now</h2>
      {works.length === 0 && (
        <Empty>
          No handler says that it is at work for a request that was cancelled. Those of programs that run
          starts do, and of others with the option announceWork.
        </Empty>
      )}
      <ol class="rows">
        {works.map((work) => (
          <li key={work.traceId + work.spanId}>
            <a href={addressWith({ trace: work.traceId })}>
              {work.service} {work.operation}
            </a>{' '}
            <span class="dim">
              {work.isSilent
                ? `was at it when its process was last heard of, at ${clock(work.heardMs)}: that has ended, or is blocked`
                : `since ${clock(work.sinceMs)}`}
            </span>
            {work.pending.map(({ name, origin }, index) => (
              <div key={index}>
                waits for {name} {origin !== undefined && <Place origin={origin} cwd={cwd} />}
              </div>
            ))}
          </li>
        ))}
      </ol>
    </section>
  );
}

function PerSecond(
  props: Pick<Overview, 'startMs' | 'perSecond'> & {
    label: string;
    colors: Readonly<Record<string, string>>;
  },
) {
  const { label, startMs, perSecond, colors } = props;
  const series = Object.entries(colors).map(([name, color]) => ({
    label: name,
    color,
    values: perSecond[name] ?? [],
  }));
  return (
    <Chart label={`Cancelled operations by ${label}`} startMs={startMs} stepMs={1_000} series={series} />
  );
}

function Routes({ routes }: Pick<Overview, 'routes'>) {
  return (
    <section>
      <h2>Cancel rate by route</h2>
      {routes.length === 0 ? (
        <Empty>No incoming request was cancelled.</Empty>
      ) : (
        <table>
          <Head columns={['route', '#cancelled', '#of', '#rate']} />
          <tbody>
            {routes.map(({ service, route, count: all, cancelledCount }) => (
              <tr key={service + route}>
                <td>
                  <a href={addressWith({ view: 'traces', service, operation: route })}>
                    {service} {route}
                  </a>
                </td>
                <td class="number">{cancelledCount}</td>
                <td class="number">{all}</td>
                <td class="number">{percent(cancelledCount, all)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Waiting({ source }: { source: string }) {
  return (
    <Empty>
      No span has come yet, {source}. It is there within seconds once a request is cancelled; healthy ones are
      only counted ({count(0, 'span')} so far).
    </Empty>
  );
}
