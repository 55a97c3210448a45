/** The way of a cancel from hop to hop: who was told, how, after how long, and what became of it. */
import type { Answer, CancelPath, PathHop } from '../../spans/path/cancel-path.ts';
import { titleOf } from '../../spans/title.ts';
import { addressWith } from './address.ts';
import { ms } from './format.ts';
import { Head } from './parts.tsx';

/** More than this nobody reads. */
const MAX_HOPS = 50;
const SIGNS: Readonly<Record<Answer, string>> = { yes: '✓', no: '✗', none: '–', unknown: '?' };
const WORDS: Readonly<Record<Answer, string>> = {
  yes: 'yes',
  no: 'no',
  none: 'there was nothing to do',
  unknown: 'not known',
};

export function Way({ paths, address }: { paths: readonly CancelPath[]; address: URLSearchParams }) {
  const hops = paths.flatMap((path) => path.hops);
  if (hops.length < 2) return null;
  return (
    <section>
      <h2>From hop to hop</h2>
      <div class="wide">
        <table class="way">
          <Head columns={['hop', 'told', '#after', 'stops', 'passes it on', '#for nobody']} />
          <tbody>
            {hops.slice(0, MAX_HOPS).map((hop, index) => (
              <tr key={index.toString()}>
                <th scope="row" style={{ paddingInlineStart: `${Math.min(hop.depth, 12) * 1.2}rem` }}>
                  {hop.depth > 0 && <span aria-hidden="true">↳ </span>}
                  <Hop hop={hop} address={address} />
                </th>
                <td data-name="told">{toldOf(hop)}</td>
                <td class="number" data-name="after">
                  {hop.afterMs !== undefined && `${hop.isSkewed ? '~' : ''}${ms(hop.afterMs)}`}
                </td>
                <td data-name="stops">
                  <Sign answer={hop.listens} />
                </td>
                <td data-name="passes it on">
                  <Sign answer={hop.passesOn} />
                </td>
                <td class="number" data-name="for nobody">
                  {hop.wastedMs !== undefined && ms(hop.wastedMs)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {hops.length > MAX_HOPS && <p class="dim">… and {hops.length - MAX_HOPS} more</p>}
    </section>
  );
}

function Hop({ hop: { service, span }, address }: { hop: PathHop; address: URLSearchParams }) {
  if (span === undefined) return <>{service ?? '?'}</>;
  // What has no span of its own is told by that of who asked it.
  return (
    <a href={addressWith({ span: span.spanId }, address)}>
      {service ?? '? ←'} {titleOf(span)}
    </a>
  );
}

function Sign({ answer }: { answer: Answer }) {
  return (
    <span class={`sign ${answer}`} role="img" aria-label={WORDS[answer]} title={WORDS[answer]}>
      {SIGNS[answer]}
    </span>
  );
}

function toldOf({ told, trigger }: PathHop): string {
  if (told === 'unknown') return 'not known';
  if (told === 'no') return 'not told';
  if (told === 'late') return 'asked later';
  return trigger === undefined ? told : `${told}: ${trigger}`;
}
