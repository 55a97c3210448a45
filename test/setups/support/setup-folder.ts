/**
 * A fresh folder in which somebody sets this package up, with a Node, a package manager and nothing else:
 *
 *   const folder = new SetupFolder({ node: '24', manager: 'pnpm', type: 'module' });
 *   folder.write('app.js', text);
 *   await folder.install('npm install opentelemetry-instrumentation-cancellation @opentelemetry/api');
 *   const seen = await folder.observe('node --import …/register app.js', async (url) => { … }, (spans) => …);
 *   folder.remove();
 *
 * Lines are those of the README: run by a shell, with that Node and that package manager first on the PATH. `npm install …`
 * is said in the words of the package manager (`pnpm add …`), and our own name is the tarball. `run` runs any
 * other line. Every error carries all that was run in the folder, with its output.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { commandOf, type ManagerName, type NodeName, pathWith } from './cache.ts';
import { type Enough, type Observation, observe, type Visit } from './observe.ts';
import { ownName, ownTarball } from './tarball.ts';

export interface SetupOptions {
  readonly node?: NodeName;
  readonly manager?: ManagerName;
  /** Of its package.json: what app.js is. */
  readonly type?: 'module' | 'commonjs';
}

export class SetupFolder {
  readonly path: string = realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-setup-')));
  readonly node: NodeName;
  readonly manager: ManagerName;
  readonly #env: NodeJS.ProcessEnv;
  #transcript = '';

  constructor({ node = '24', manager = 'npm', type = 'module' }: SetupOptions = {}) {
    this.node = node;
    this.manager = manager;
    this.#env = strangersEnvironment(pathWith(node, manager));
    this.write('package.json', JSON.stringify({ name: 'app', version: '1.0.0', private: true, type }));
    if (manager.startsWith('yarn 4')) {
      this.write('.yarnrc.yml', `nodeLinker: ${manager === 'yarn 4' ? 'node-modules' : 'pnp'}\n`);
      // Without one, the next above the folder would be the project.
      this.write('yarn.lock', '');
    }
  }

  write(name: string, content: string): void {
    const file = join(this.path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  /** @param line `npm install <packages>`; a line of the README, for instance. Fails when there is a word about peers. */
  async install(line: string): Promise<string> {
    const output = await this.run(this.#inItsWords(line));
    const complaints = output.split('\n').filter((one) => COMPLAINT.test(one));
    if (complaints.length > 0) throw this.failure(`the install complains:\n${complaints.join('\n')}`);
    return output;
  }

  /** Runs a line to its end. @returns what it wrote; an exit code other than 0 is an error */
  async run(line: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    this.#transcript += `$ ${line}\n`;
    const child = spawn('sh', ['-c', `${line} 2>&1`], {
      cwd: this.path,
      env: { ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 300_000,
    });
    const ended = new Promise<string>((resolve) => {
      child.once('close', (code, signal) => resolve(signal ?? String(code)));
    });
    const output = await text(child.stdout);
    const end = await ended;
    this.#transcript += `${output}[${end}]\n`;
    if (end !== '0') throw this.failure(`ended with ${end}: ${line}`);
    return output;
  }

  /** Starts a line, for somebody who types into it and reads from it. */
  start(line: string): ChildProcess {
    this.#transcript += `$ ${line}\n`;
    const stdio = ['pipe', 'pipe', 'inherit'] as const;
    return spawn('sh', ['-c', `exec ${line}`], { cwd: this.path, env: this.#env, stdio: [...stdio] });
  }

  /**
   * Starts a server with this line, beside an OTLP receiver that the usual variables name. It has to listen on
   * 127.0.0.1 at the port in the variable PORT. Once it does, `visit` is called with its URL; then it gets
   * SIGTERM when what it exported is `enough`, or after 10 seconds.
   */
  async observe(
    line: string,
    visit: Visit,
    enough: Enough,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Observation> {
    const observation = await observe({
      line: this.#startedByManager(line),
      cwd: this.path,
      env: { ...this.#env, ...env },
      visit,
      enough,
    });
    this.#transcript += `$ ${line}\n${observation.output}[${observation.end}]\n`;
    return observation;
  }

  /** Runs assertions; when one fails, its error tells all that was run here. */
  check(assertions: () => void): void {
    try {
      assertions();
    } catch (error) {
      throw error instanceof assert.AssertionError ? this.failure(error.message) : error;
    }
  }

  /** An error with all that was run here and what it wrote. */
  failure(message: string): Error {
    return new Error(
      `Node ${this.node}, ${this.manager}: ${message}\n\nAll that was run in ${this.path}:\n${this.#transcript}`,
    );
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #inItsWords(line: string): string {
    assert.match(line, /^npm install /, 'an install line');
    const words = line.split(/\s+/).slice(2);
    const verb = this.manager === 'npm' ? 'npm install' : `${commandOf(this.manager)} add`;
    const packages = words.map((word) => (word === ownName ? `${ownName}@file:${ownTarball()}` : word));
    return [verb, ...packages].join(' ');
  }

  #startedByManager(line: string): string {
    return this.manager === 'yarn 4 PnP' ? line.replace(/(^| )node /, '$1yarn node ') : line;
  }
}

/** What package managers say when dependencies do not fit: npm, pnpm, yarn 1, yarn 4. */
const COMPLAINT = /ERESOLVE|ERR_PNPM|peer dep|unmet|YN0002|YN0060|YN0086|EBADENGINE|incompatible/i;

/** Without what npm, a test runner or a telemetry set-up of this process has put into it. */
function strangersEnvironment(path: string): NodeJS.ProcessEnv {
  const strange = /^(npm_|pnpm_|yarn_|OTEL_|NODE_OPTIONS$|NODE_TEST_CONTEXT$|INIT_CWD$|CI$)/i;
  const kept = Object.entries(process.env).filter(([name]) => !strange.test(name));
  return {
    ...Object.fromEntries(kept),
    PATH: path,
    // Speed and quiet only. In variables, so that the lines are those that a user types.
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    pnpm_config_prefer_offline: 'true',
    YARN_ENABLE_TELEMETRY: '0',
  };
}
