/**
 * Hooks for the loading of modules: puts a call of `sabotage(id)` at the beginning of every function that works while
 * the application does, so that a test can make any of them fail. What is left as it is: the barrier itself (hook/),
 * and what the application calls on purpose.
 */
import { readFile } from 'node:fs/promises';
import { parse } from 'acorn';
import { transform } from 'esbuild';

/** In src/, or where test/runner/compile.ts puts what it makes of it. */
const WORKING =
  /^(.*?)(?:\/\.cache\/tests)?\/src\/((?:integrations|telemetry|operation|cancellation|conventions)\/.+)\.([tj]s)$/;

export async function load(url, context, nextLoad) {
  const { pathname } = new URL(url);
  const [, root, file, ending] = WORKING.exec(pathname) ?? [];
  if (file === undefined) return nextLoad(url, context);
  // By itself: whether tsx comes before or after depends on the version of Node, and what is compiled has lost names.
  const { code } = await transform(await readFile(new URL(`${root}/src/${file}.ts`, url), 'utf8'), {
    loader: 'ts',
  });
  const imports = code.replaceAll(/(from ["']\.[^"']+)\.ts(?=["'];)/g, `$1.${ending}`);
  return { format: 'module', source: withSabotage(imports, file), shortCircuit: true };
}

/** @param file for the ids: `integrations/undici/fetch:watchFetch>enter` */
export function withSabotage(source, file) {
  const insertions = [];
  const counts = new Map();
  visit(parse(source, { ecmaVersion: 'latest', sourceType: 'module' }), [], undefined);
  insertions.sort(({ at }, { at: other }) => other - at);
  let text = source;
  for (const { at, code } of insertions) text = text.slice(0, at) + code + text.slice(at);
  return text;

  function visit(node, path, name) {
    if (Array.isArray(node)) {
      for (const item of node) visit(item, path, undefined);
      return;
    }
    if (typeof node?.type !== 'string') return;
    let within = path;
    if (/^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) {
      within = [...path, node.id?.name ?? name ?? numbered(path)];
      const { body } = node;
      const call = `globalThis.sabotage?.(${JSON.stringify(`${file}:${within.join('>')}`)})`;
      if (body.type === 'BlockStatement') insertions.push({ at: body.start + 1, code: `${call};` });
      else insertions.push({ at: body.start, code: `(${call},` }, { at: body.end, code: ')' });
    } else if (/^Class(?:Declaration|Expression)$/.test(node.type)) {
      within = [...path, node.id?.name ?? name ?? numbered(path)];
    }
    for (const [key, child] of Object.entries(node)) visit(child, within, nameOf(node, key));
  }

  function numbered(path) {
    const key = path.join('>');
    counts.set(key, (counts.get(key) ?? 0) + 1);
    return `#${counts.get(key)}`;
  }
}

function nameOf(node, key) {
  if (key === 'init') return node.id?.name;
  if (key === 'right') return node.left?.property?.name;
  return key === 'value' ? node.key?.name : undefined;
}
