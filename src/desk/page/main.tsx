/** The frame of the page: where one is, what there is, and whether it still hears of more. */
import { render } from 'preact';
import { addressWith, onLink, useAddress } from './address.ts';
import type { State } from './answers.ts';
import { type Live, useAnswer, useLive } from './ask.ts';
import { DeadlinesView } from './deadlines.tsx';
import { EditorUrl } from './editor.tsx';
import { FindingsView } from './findings.tsx';
import { count } from './format.ts';
import { LinesView } from './lines.tsx';
import { NowView } from './now.tsx';
import { TraceView } from './trace.tsx';
import { TracesView } from './traces.tsx';

/** What each view is given. */
export interface ViewProps {
  readonly address: URLSearchParams;
  readonly state: State;
  /** Another one whenever there is more. */
  readonly version: number;
  /** Another one whenever work goes on that did not, or the other way round. */
  readonly workVersion: number;
}

const VIEWS = [
  { name: '', title: 'Now', View: NowView },
  { name: 'traces', title: 'Traces', View: TracesView },
  { name: 'lines', title: 'Lines', View: LinesView },
  { name: 'deadlines', title: 'Deadlines', View: DeadlinesView },
  { name: 'findings', title: 'Findings', View: FindingsView },
] as const;

function Page() {
  const address = useAddress();
  const live = useLive();
  const { value: state, error } = useAnswer<State>('state', undefined);
  if (error !== undefined) return <p class="note">No answer: {error}</p>;
  if (state === undefined) return <p class="note">Loading …</p>;
  const { counts = state } = live;
  const props = {
    address,
    state,
    version: counts.spans + counts.droppedSpans,
    workVersion: counts.workChanges,
  };
  const { View, name } = VIEWS.find((view) => view.name === (address.get('view') ?? '')) ?? VIEWS[0];
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <header>
        <strong class="brand">cancel-trace</strong>
        <nav aria-label="Views">
          {VIEWS.map((view) => (
            <a
              key={view.name}
              href={addressWith({ view: view.name })}
              aria-current={view.name === name && !address.has('trace') ? 'page' : undefined}
            >
              {view.title}
            </a>
          ))}
        </nav>
        <Kept live={live} counts={counts} source={state.source} />
      </header>
      <main id="main" tabIndex={-1}>
        <EditorUrl.Provider value={state.editorUrl}>
          {address.has('trace') ? <TraceView {...props} /> : <View {...props} />}
        </EditorUrl.Provider>
      </main>
    </>
  );
}

function Kept({ live, counts, source }: { live: Live; counts: Live['counts'] & object; source: string }) {
  const { spans, traces, droppedSpans } = counts;
  return (
    <p class="kept" role="status">
      <span class={live.isConnected ? 'dot live' : 'dot'} aria-hidden="true" />
      {live.isConnected ? source : 'the program that shows this page has ended'}
      {' · '}
      {count(spans, 'span')} in {count(traces, 'trace')}
      {droppedSpans > 0 && ` · the oldest ${count(droppedSpans, 'span')} had to make room`}
    </p>
  );
}

document.addEventListener('click', onLink);
render(<Page />, document.getElementById('page') as HTMLElement);
