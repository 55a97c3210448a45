/** Spans into a file: the desk without its page. */
import { Hono } from 'hono';
import { otlpRoutes } from '../receiver/otlp-http.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { lastingOf } from '../spans/work-announcement.ts';
import { guarded } from './guarded.ts';
import { KeepFile } from './keep-file.ts';
import { type Desk, serve } from './server.ts';

const HOST = '127.0.0.1';

/**
 * On any port that is free.
 *
 * @param onSpans is given those that are in the file
 * @throws {UserError} when the file cannot be made
 */
export async function startKeeping(
  file: string,
  onSpans: (spans: readonly ExportedSpan[]) => void,
): Promise<Desk> {
  const kept = await KeepFile.open(file, onSpans);
  const app = new Hono();
  app.use(guarded(HOST));
  const keep = async (spans: readonly ExportedSpan[], request: unknown): Promise<void> => {
    const lasting = lastingOf(request, spans);
    if (lasting === undefined) return;
    await kept.add(lasting);
    onSpans(spans);
  };
  app.route('/', otlpRoutes(keep));
  app.onError((error, context) => context.json({ message: error.message }, 500));
  const server = await serve(app, HOST, 0);
  return {
    ...server,
    async close() {
      await server.close();
      await kept.close();
    },
  };
}
