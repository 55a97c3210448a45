// Queries that were in flight when their request was cancelled: how long each ran on, and the line that sent it. Pure: spans
// in, text out.
import { formatMs, isCancelled, plain, relativeTo, titleOf } from '../dist/cli/parts.js';

/**
 * @param {import('../dist/cli/parts.js').ExportedSpan[]} spans
 * @param {{ cwd: string, curedAtMs: number }} options since when the shop has `propagate.cancel`
 * @returns {string} lines, each with its line break; '' if no query was in flight at any cancel
 */
export function drawDatabaseTime(spans, { cwd, curedAtMs }) {
  const byLine = new Map();
  const cancelled = spans.filter((span) => span.kind === 'server' && isCancelled(span));
  for (const request of cancelled.sort((a, b) => a.startMs - b.startMs)) {
    for (const { query, origin, ranOnMs, wastedMs } of queriesLeft(request, spans)) {
      const line = plain(`${titleOf(request)}  ${query.name}  at ${relativeTo(cwd, origin)}`);
      const cure = request.startMs < curedAtMs ? 'before the deploy' : 'after it, with propagate.cancel';
      const wasted = wastedMs === undefined ? '' : `, database wasted ${formatMs(wastedMs)}`;
      const told = `    ${cure.padEnd(31)}  ran on for ${formatMs(ranOnMs)}${wasted}\n`;
      byLine.set(line, (byLine.get(line) ?? '') + told);
    }
  }
  if (byLine.size === 0) return '';
  const lines = [...byLine].map(([line, told]) => `  ${line}\n${told}`);
  return `Queries for nobody:\n\n${lines.join('')}\n`;
}

function queriesLeft(request, spans) {
  const own = spans.filter(
    ({ traceId, parentSpanId }) => traceId === request.traceId && parentSpanId === request.spanId,
  );
  const cancel = request.events.find(({ name }) => ['context.canceled', 'deadline_exceeded'].includes(name));
  const wasted = own.find(({ attributes }) => attributes['cancel.wasted_ms'] !== undefined);
  return request.events
    .filter(({ name }) => name === 'cancel.pending')
    .flatMap(({ attributes: pending }) => {
      const query = own.find(({ name, attributes }) => name === pending.name && isQuery(attributes));
      if (query === undefined) return [];
      const origin = pending['cancel.pending.origin'] ?? '?';
      const ranOnMs = Math.max(0, query.endMs - cancel.timeMs);
      return { query, origin, ranOnMs, wastedMs: wasted?.attributes['cancel.wasted.db_ms'] };
    });
}

function isQuery(attributes) {
  return 'db.system.name' in attributes || 'db.system' in attributes;
}
