/** Broken propagation, by rule. */

import { ADVICE } from '../../spans/advice.ts';
import { addressWith } from './address.ts';
import type { PlacedFinding, RuleFindings } from './answers.ts';
import { useAnswer } from './ask.ts';
import { clock } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty } from './parts.tsx';

/** Of each rule, so that the next rule is in sight. */
const FIRST = 5;

export function FindingsView({ version }: ViewProps) {
  const { value: rules } = useAnswer<RuleFindings[]>('findings', version);
  if (rules === undefined) return <Empty>Loading …</Empty>;
  return (
    <>
      <h1>Findings</h1>
      {rules.length === 0 && <Empty>Cancels and deadlines reached all that they should have reached.</Empty>}
      {rules.map(({ rule, count, findings }) => (
        <section key={rule} class="detail" aria-label={rule}>
          <h2>
            <code>{rule}</code> {count}×
          </h2>
          {ADVICE[rule] && <p>{ADVICE[rule]}</p>}
          <Rows findings={findings.slice(0, FIRST)} />
          {findings.length > FIRST && (
            <details>
              <summary class="dim">
                {findings.length - FIRST} more{count > findings.length && `, of ${count}`}
              </summary>
              <Rows findings={findings.slice(FIRST)} />
            </details>
          )}
        </section>
      ))}
    </>
  );
}

function Rows({ findings }: { findings: readonly PlacedFinding[] }) {
  return (
    <ol class="rows">
      {findings.map(({ traceId, spanId, service, operation, detail, endMs }) => (
        <li key={traceId + spanId + detail}>
          <a href={addressWith({ trace: traceId, span: spanId })}>
            {service} {operation}
          </a>
          : {detail} <span class="dim">{clock(endMs)}</span>
        </li>
      ))}
    </ol>
  );
}
