// Draws the traces in which something was cancelled: who, why, when, in which phase, and from which line.
// Pure: spans in, text out.

const columnTitles = ['', 'took', '', 'when', 'who', 'why', 'phase'];
const styles = { bold: '1', dim: '2', red: '31', yellow: '33', cyan: '36' };

/** @param {import('./receiver.js').Span} span */
export function isCancelled(span) {
  return span.attributes['context.canceled'] === true || span.attributes.deadline_exceeded === true;
}

/**
 * Draws each trace that has a cancelled span; '' if there is none.
 *
 * @param {import('./receiver.js').Span[]} spans
 * @param {{ cwd: string, isColoured: boolean }} options Origins inside `cwd` are shown relative to it.
 * @returns {string} lines, each with its line break
 */
export function drawTraces(spans, { cwd, isColoured }) {
  const traces = [...groupBy(spans, (span) => span.traceId).values()]
    .filter((trace) => trace.some(isCancelled))
    .sort((a, b) => startOf(a) - startOf(b));
  const drawings = traces.map((trace) => ({ trace, lines: drawTree(trace, cwd) }));
  const rows = [columnTitles, ...drawings.flatMap(({ lines }) => lines.filter(Array.isArray))];
  const widths = columnTitles.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const paint = isColoured ? paintAnsi : (text) => text;

  let text = '';
  for (const { trace, lines } of drawings) {
    const cancelledCount = trace.filter(isCancelled).length;
    const title = `trace ${plain(trace[0].traceId)}`;
    text += `${paint(title, 'bold')}  ${trace.length} spans, ${cancelledCount} cancelled\n`;
    text += `${paint(alignRow(columnTitles, widths), 'dim')}\n`;
    for (const line of lines) {
      text += Array.isArray(line)
        ? `${paint(alignRow(line, widths), styleOf(line))}\n`
        : `${paint(line.rail, 'dim')}${paint(line.detail, line.style)}\n`;
    }
    text += '\n';
  }
  return text;
}

/** One row of columns for each span, followed by its details; parents before children. */
function drawTree(trace, cwd) {
  const startMs = startOf(trace);
  const known = new Set(trace.map((span) => span.spanId));
  const parentOf = (span) => (known.has(span.parentSpanId) ? span.parentSpanId : undefined);
  const childrenOf = groupBy(trace, parentOf);
  const lines = [];
  const drawChildren = (spanId, rail, isTop) => {
    const children = (childrenOf.get(spanId) ?? []).sort((a, b) => a.startMs - b.startMs);
    for (const [index, span] of children.entries()) {
      const isLast = index === children.length - 1;
      const branch = isTop ? '' : isLast ? '└─ ' : '├─ ';
      const ownRail = isTop ? '' : rail + (isLast ? '   ' : '│  ');
      const detailRail = ownRail + (childrenOf.has(span.spanId) ? '│  ' : '   ');
      lines.push(drawRow(span, rail + branch, startMs));
      for (const detail of describe(span, cwd)) lines.push({ rail: detailRail, ...detail });
      drawChildren(span.spanId, ownRail, false);
    }
  };
  drawChildren(undefined, '', true);
  return lines;
}

function drawRow(span, branch, traceStartMs) {
  const { attributes } = span;
  const label = `${branch}${plain(span.serviceName)} ${arrowOf(span)} ${plain(titleOf(span))}`;
  const took = formatMs(span.endMs - span.startMs);
  if (!isCancelled(span)) return [label, took, span.status.code === 'error' ? 'failed' : '', '', '', '', ''];
  const outcome = attributes.deadline_exceeded === true ? 'deadline_exceeded' : 'context.canceled';
  const event = span.events.find(({ name }) => name === outcome);
  return [
    label,
    took,
    outcome === 'deadline_exceeded' ? 'deadline' : 'canceled',
    event ? `at ${formatMs(event.timeMs - traceStartMs)}` : '?',
    ...['cancel.initiator', 'cancel.trigger', 'cancel.phase'].map((key) => plain(attributes[key] ?? '?')),
  ];
}

/** What does not fit a column: the origin, the reason, wasted work and broken rules. */
function describe({ attributes, events, status }, cwd) {
  const details = [];
  const origin = attributes['cancel.origin'];
  if (origin) details.push({ detail: `at ${relativeTo(cwd, plain(origin))}`, style: 'cyan' });
  const reason = attributes['cancel.reason'] ?? (status.code === 'error' ? status.message : '');
  if (reason) details.push({ detail: `because “${plain(reason)}”`, style: 'dim' });
  const wastedMs = attributes['cancel.wasted_ms'];
  if (wastedMs !== undefined) {
    const writes = attributes['cancel.late_writes'] ?? 0;
    const messages = attributes['cancel.late_messages'] ?? 0;
    const operations = attributes['cancel.late_operations'] ?? 0;
    const received = messages > 0 ? `, late messages: ${messages}` : '';
    const spentOn = ['db', 'http', 'rpc', 'messaging'].flatMap((on) => {
      const spentMs = attributes[`cancel.wasted.${on}_ms`];
      return spentMs === undefined ? [] : [` ${on} ${formatMs(spentMs)},`];
    });
    const of = spentOn.length > 0 ? `, of it${spentOn.join('')}` : ',';
    const detail = `wasted ${formatMs(wastedMs)}${of} late writes: ${writes}${received}, late operations: ${operations}`;
    details.push({ detail, style: 'yellow' });
  }
  for (const finding of events.filter(({ name }) => name === 'cancel.finding')) {
    const { 'cancel.finding.rule': rule, 'cancel.finding.detail': detail } = finding.attributes;
    details.push({ detail: plain(detail ? `! ${rule}: ${detail}` : `! ${rule}`), style: 'yellow' });
  }
  return details;
}

/** HTTP spans are often called just GET: then the path tells them apart. */
export function titleOf({ name, attributes }) {
  if (name.includes('/')) return name;
  const full = attributes['url.full'] ?? attributes['http.url'];
  if (URL.canParse(full)) return `${name} ${new URL(full).pathname}${new URL(full).search}`;
  const path = attributes['url.path'] ?? attributes['http.target'];
  const query = attributes['url.query'] ? `?${attributes['url.query']}` : '';
  return path ? `${name} ${path}${query}` : name;
}

function arrowOf({ kind }) {
  return { client: '→', producer: '→', server: '←', consumer: '←' }[kind] ?? '·';
}

function startOf(trace) {
  return Math.min(...trace.map((span) => span.startMs));
}

/** Map.groupBy, which Node 20 does not have yet. */
function groupBy(spans, keyOf) {
  const groups = new Map();
  for (const span of spans) {
    const key = keyOf(span);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(span);
  }
  return groups;
}

/** `function (file:line:column)` with the file as a path below cwd, if it is there. */
export function relativeTo(cwd, origin) {
  const [, before, file, after] = /^(.*? \()?(?:file:\/\/)?(.*?)(\)?)$/.exec(origin);
  const root = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return (before ?? '') + (file.startsWith(root) ? file.slice(root.length) : file) + after;
}

/** Telemetry is written by strangers: no line breaks, no escape sequences. */
export function plain(value) {
  return String(value).replace(/\p{Cc}+/gu, ' ');
}

export function formatMs(ms) {
  return `${ms.toFixed(ms < 9.95 ? 1 : 0)} ms`;
}

function alignRow(row, widths) {
  const cells = row.map((cell, column) =>
    columnTitles[column] === 'took' ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
  );
  return cells.join('  ').trimEnd();
}

function styleOf(row) {
  return { canceled: 'red', deadline: 'yellow' }[row[2]];
}

function paintAnsi(text, style) {
  return style ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
}
