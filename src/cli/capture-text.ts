/** A request on the wire as text, JSON and Markdown: one at a time, since a capture may have any number of them. */
import type { WireExchange } from '../capture/exchange.ts';
import { type Fact, factsOf, remarksOn } from '../capture/facts.ts';
import { sentenceOf } from '../capture/sentence.ts';
import type { ToldBySpans } from '../capture/told-by-spans.ts';
import { code } from './report/markdown.ts';
import { formatMs, plain, relativeTo } from './text.ts';

export function drawExchange(exchange: WireExchange, told: ToldBySpans | undefined): string {
  const { method, target } = exchange;
  const sentence = sentenceOf(exchange, told);
  const first = sentence === undefined ? '' : `  ${plain(sentence)}\n`;
  const facts = factsOf(exchange, told).map(drawFact).join('');
  const remarks = remarksOn(exchange, told).map((remark) => `  ${plain(remark)}\n`);
  return `${plain(method)} ${plain(target)}\n  ${whereOf(exchange)}\n${first}${facts}${remarks.join('')}\n`;
}

function drawFact({ atMs, by, text }: Fact): string {
  return `  ${`+${formatMs(atMs)}`.padStart(12)}  ${by.padEnd(11)} ${relativeTo(process.cwd(), plain(text))}\n`;
}

/** One line. */
export function jsonOfExchange(exchange: WireExchange, told: ToldBySpans | undefined): string {
  const json = {
    ...exchange,
    sentence: sentenceOf(exchange, told),
    facts: factsOf(exchange, told),
    remarks: remarksOn(exchange, told),
  };
  return `${JSON.stringify(json)}\n`;
}

/** What strangers wrote is code there, as in the report. */
export function markdownOfExchange(exchange: WireExchange, told: ToldBySpans | undefined): string {
  const { method, target } = exchange;
  const sentence = sentenceOf(exchange, told);
  const remarks = remarksOn(exchange, told).map((remark) => `- ${code(remark)}`);
  return [
    `## ${code(`${method} ${target}`)}`,
    '',
    code(whereOf(exchange)),
    '',
    ...(sentence === undefined ? [] : [`**${code(sentence)}**`, '']),
    '| after | by | |',
    '|--:|---|---|',
    ...factsOf(exchange, told).map(
      ({ atMs, by, text }) => `| ${formatMs(atMs)} | ${by} | ${code(relativeTo(process.cwd(), text))} |`,
    ),
    '',
    ...(remarks.length === 0 ? [] : [...remarks, '']),
    '',
  ].join('\n');
}

function whereOf({ protocol, stream, client, server, traceId }: WireExchange): string {
  const trace = traceId === undefined ? '' : `, trace ${traceId}`;
  return `${protocol}${stream === undefined ? '' : ` stream ${stream}`}, ${client} → ${server}${trace}`;
}
