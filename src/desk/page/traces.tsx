/** The list of traces, and what it is filtered by. */
import { depthTitle, durationTitle } from '../beyond-columns.ts';
import { FILTER_NAMES, TRACES_A_PAGE } from '../filter.ts';
import { addressWith, go } from './address.ts';
import type { FoundTraces, Words } from './answers.ts';
import { useAnswer } from './ask.ts';
import { clock, count, ms } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty, Head, Origin, OutcomeMark, Who } from './parts.tsx';

const CHOICES = {
  outcome: ['canceled', 'deadline_exceeded'],
  initiator: ['local', 'peer', 'inherited'],
} as const;
const TRIGGERS = [
  ...['abort', 'cancel', 'destroy', 'body_cancel', 'disconnect', 'reset', 'status', 'shutdown', 'exit'],
  ...['deadline', 'signal_timeout', 'timeout', 'parent'],
];

export function TracesView({ address, state, version }: ViewProps) {
  const query = new URLSearchParams(
    [...address].filter(([name]) => FILTER_NAMES.includes(name) || name === 'offset'),
  );
  const { value } = useAnswer<FoundTraces>(`traces?${query}`, version);
  return (
    <>
      <h1>Traces</h1>
      <Filters address={address} version={version} />
      <CellOfMap address={address} />
      {value === undefined ? (
        <Empty>Loading …</Empty>
      ) : (
        <Found found={value} address={address} cwd={state.cwd} />
      )}
    </>
  );
}

function Filters({ address, version }: Pick<ViewProps, 'address' | 'version'>) {
  const { value: words } = useAnswer<Words>('words', version);
  const set = (name: string) => (event: Event) => {
    const { value, type, checked } = event.currentTarget as HTMLInputElement;
    const next = type === 'checkbox' ? (checked ? 'true' : undefined) : value;
    go(addressWith({ [name]: next, offset: undefined }, address), event.type === 'input');
  };
  const choice = (name: string, values: readonly string[] = []) => (
    <label key={name}>
      {name}
      <select value={address.get(name) ?? ''} onChange={set(name)}>
        <option value="">any</option>
        {values.map((value) => (
          <option key={value}>{value}</option>
        ))}
      </select>
    </label>
  );
  const field = (name: string, label = name) => (
    <label key={name}>
      {label}
      <input type="search" value={address.get(name) ?? ''} onInput={set(name)} />
    </label>
  );
  const number = (name: string, label: string) => (
    <label key={name}>
      {label}
      <input type="number" min="0" value={address.get(name) ?? ''} onInput={set(name)} />
    </label>
  );
  const isFiltered = FILTER_NAMES.some((name) => address.has(name));
  return (
    <search class="filters">
      {field('text', 'anything')}
      {choice('service', words?.services)}
      {field('operation')}
      {choice('outcome', CHOICES.outcome)}
      {choice('initiator', CHOICES.initiator)}
      {choice('trigger', TRIGGERS)}
      {field('origin', 'line')}
      {choice('finding', words?.findings)}
      {number('min', 'at least, ms')}
      {number('max', 'at most, ms')}
      <label class="check">
        <input type="checkbox" checked={address.has('all')} onChange={set('all')} /> healthy ones, too
      </label>
      {isFiltered && <a href="?view=traces">clear</a>}
    </search>
  );
}

/** Of which cell of the heat maps of the deadlines the traces are, if they are of one. */
function CellOfMap({ address }: Pick<ViewProps, 'address'>) {
  const [spent, beyond, depth] = ['spent', 'beyond', 'depth'].map((name) => address.get(name));
  if (!(spent || beyond || depth)) return null;
  const parts = [
    ...(spent ? [spent] : []),
    ...(beyond ? [durationTitle(beyond)] : []),
    ...(depth ? [`depth ${depthTitle(depth)}`] : []),
  ];
  return <p class="dim">With time beyond the deadline: {parts.join(', ')}.</p>;
}

function Found({ found, address, cwd }: { found: FoundTraces; address: URLSearchParams; cwd: string }) {
  const { total, offset, traces } = found;
  if (total === 0) return <Empty>No trace is like that.</Empty>;
  const end = offset + traces.length;
  return (
    <>
      <p class="dim">
        {count(total, 'trace')}
        {traces.length < total && `, ${offset + 1} to ${end}`}
      </p>
      <div class="wide">
        <table class="traces">
          <Head columns={['at', 'trace', '#took', 'outcome', 'who', 'why', 'line', '#wasted', 'findings']} />
          <tbody>
            {traces.map(({ traceId, startMs, root, durationMs, spanCount, first, wastedMs, findings }) => (
              <tr key={traceId}>
                <td>{clock(startMs)}</td>
                <td class="name">
                  <a href={addressWith({ trace: traceId })}>
                    {root.service} {root.title}
                  </a>{' '}
                  <span class="dim">{count(spanCount, 'span')}</span>
                </td>
                <td class="number">{ms(durationMs)}</td>
                <td>
                  <OutcomeMark outcome={first?.outcome} />
                </td>
                <td>{first && <Who initiator={first.initiator} />}</td>
                <td>{first?.trigger}</td>
                <td class="line">{first && <Origin origin={first.origin} cwd={cwd} />}</td>
                <td class="number" data-name={wastedMs > 0 ? 'wasted' : undefined}>
                  {wastedMs > 0 && ms(wastedMs)}
                </td>
                <td class="findings">
                  {findings.map((rule) => (
                    <code key={rule}>{rule}</code>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="pages">
        {offset > 0 && (
          <a href={addressWith({ offset: String(Math.max(0, offset - TRACES_A_PAGE)) }, address)}>newer</a>
        )}
        {end < total && <a href={addressWith({ offset: String(end) }, address)}>older</a>}
      </p>
    </>
  );
}
