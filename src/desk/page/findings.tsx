/** Broken propagation, by rule. */
import { addressWith } from './address.ts';
import { ADVICE } from './advice.ts';
import type { RuleFindings } from './answers.ts';
import { useAnswer } from './ask.ts';
import { clock } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty } from './parts.tsx';

export function FindingsView({ version }: ViewProps) {
  const { value: rules } = useAnswer<RuleFindings[]>('findings', version);
  if (rules === undefined) return <Empty>Loading …</Empty>;
  return (
    <>
      <h1>Findings</h1>
      {rules.length === 0 && <Empty>Cancels and deadlines reached all that they should have reached.</Empty>}
      {rules.map(({ rule, count, findings }) => (
        <section key={rule}>
          <h2>
            <code>{rule}</code> {count}
          </h2>
          {ADVICE[rule] && <p>{ADVICE[rule]}</p>}
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
        </section>
      ))}
    </>
  );
}
