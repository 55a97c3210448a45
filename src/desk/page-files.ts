/** The files of the page: the build puts them beside this one. */
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Hono } from 'hono';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export async function pageRoutes(folder: URL = new URL('page/', import.meta.url)): Promise<Hono> {
  const routes = new Hono();
  // A few, and small: they are held.
  for (const name of await readdir(folder)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const bytes = await readFile(new URL(name, folder));
    const path = name === 'index.html' ? '/' : `/${name}`;
    routes.get(path, (context) =>
      context.body(Uint8Array.from(bytes), 200, { 'content-type': type, 'cache-control': 'no-cache' }),
    );
  }
  return routes;
}
