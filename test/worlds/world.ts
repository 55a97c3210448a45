/**
 * Small applications in folders and processes of their own, which load the instrumentation and grpc-js
 * in every way that there is. What they do is the same everywhere: a gRPC call and an HTTP request, both
 * given up by their client.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const ownName = 'opentelemetry-instrumentation-cancellation';

export interface SeenSpan {
  readonly kind: 'CLIENT' | 'SERVER';
  readonly name: string;
  readonly scope: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Report {
  readonly spans: readonly SeenSpan[];
  /** Warnings and errors that went through diag. */
  readonly diagnostics: readonly string[];
  readonly open: number;
}

/** A folder with an application, whose dependencies are this repository's. */
export class World {
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-world-')));

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const name of packageNames()) this.link(join(root, 'node_modules', name), name);
    this.link(root, ownName);
    cpSync(fixtures, this.folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** A package that has a copy of grpc-js of its own. */
  copyGrpc(owner: string): void {
    const copy = join(this.folder, 'node_modules', owner, 'node_modules/@grpc/grpc-js');
    cpSync(join(root, 'node_modules/@grpc/grpc-js'), copy, { recursive: true });
    this.write(`node_modules/${owner}/package.json`, JSON.stringify({ name: owner, main: 'index.js' }));
    this.write(`node_modules/${owner}/index.js`, "exports.grpc = require('@grpc/grpc-js');");
  }

  /** Runs node with these arguments, and returns what the application reported. */
  async run(...args: readonly string[]): Promise<Report> {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !name.startsWith('OTEL_') && name !== 'NODE_OPTIONS' && name !== 'NODE_TEST_CONTEXT',
      ),
    );
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '', 'the application says nothing on stderr');
    return JSON.parse(stdout) as Report;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private link(target: string, name: string): void {
    const link = join(this.folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(target, link, 'junction');
  }
}

function packageNames(): string[] {
  return readdirSync(join(root, 'node_modules')).flatMap((name) => {
    if (name.startsWith('.')) return [];
    if (!name.startsWith('@')) return [name];
    return readdirSync(join(root, 'node_modules', name)).map((inner) => `${name}/${inner}`);
  });
}

/** Of a span: its side, who ended it, how, and in which function. */
function essence({ kind, attributes }: SeenSpan): string {
  const system = 'rpc.method' in attributes || 'rpc.system' in attributes ? 'gRPC' : 'HTTP';
  const mark = attributes['context.canceled'] === true ? 'canceled' : 'not canceled';
  const origin = attributes['cancel.origin'];
  const where = typeof origin === 'string' ? ` in ${origin.replace(/ \(.*/, '')}` : '';
  return `${system} ${kind} ${mark} ${attributes['cancel.initiator']} ${attributes['cancel.trigger']}${where}`;
}

export const GRPC: readonly string[] = [
  'gRPC CLIENT canceled local cancel in giveUp',
  'gRPC SERVER canceled peer reset',
];
export const HTTP: readonly string[] = [
  'HTTP CLIENT canceled local destroy in leave',
  'HTTP SERVER canceled peer disconnect',
];
export const ALL: readonly string[] = [...GRPC, ...HTTP];

/** Each span was made once and ended, and says who gave up. */
export function assertSeen(
  report: Report,
  expected: readonly string[],
  diagnostics: readonly RegExp[] = [],
): void {
  assert.deepEqual(report.spans.map(essence).sort(), [...expected].sort());
  assert.equal(report.open, 0, 'spans that were left open');
  assert.equal(report.diagnostics.length, diagnostics.length, report.diagnostics.join('\n'));
  for (const [index, pattern] of diagnostics.entries())
    assert.match(String(report.diagnostics[index]), pattern);
}
