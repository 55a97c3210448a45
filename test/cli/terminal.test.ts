/** The command `run` at a terminal: a real one, made by util-linux' `script`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'terminal-'));
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});
const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');
const CTRL_C = '\x03';
/** Its link comes before, and the program's end after. */
const STAYS = /has ended \((\d+)\)\. (http:\S+) stays until Ctrl-C/;

/** A terminal in which a shell runs one line. */
class Terminal {
  readonly #script: ChildProcess;
  #output = '';
  #from = 0;

  constructor(line: string, env: NodeJS.ProcessEnv = {}) {
    this.#script = spawn('script', ['-qefc', `stty cols 101 rows 33; ${line}`, '/dev/null'], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: undefined, NO_COLOR: undefined, SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    started.push(this.#script);
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys);
  }

  /** What is written from the last match on, up to the end of this one. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output.slice(this.#from));
      if (match !== null) {
        this.#from += match.index + match[0].length;
        return match;
      }
      assert.equal(this.#script.exitCode, null, `ended without ${pattern}: ${this.#output}`);
      await Promise.race([once(this.#script.stdout as never, 'data'), once(this.#script, 'close')]);
    }
  }

  /** @returns the exit code of the line */
  async ends(): Promise<number | null> {
    if (this.#script.exitCode === null) await once(this.#script, 'exit');
    return this.#script.exitCode;
  }

  get output(): string {
    return this.#output;
  }
}

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return name;
}

/** In the place of the shell, which would have a say in the exit code. */
const run = (line: string): string => `exec ${process.execPath} ${main} run -- ${line}`;
const node = process.execPath;

describe('run, at a terminal', {
  skip: !hasScript && 'there is no script of util-linux',
  concurrency: 2,
}, () => {
  it('leaves the terminal to the program: its keys, its size, its Ctrl-C, its exit code; the page stays until the next Ctrl-C', async () => {
    const app = write(
      'keys.cjs',
      `const { stdin, stdout, stderr } = process;
      stdin.setRawMode(true).once('data', (key) => {
        console.log('key ' + JSON.stringify(String(key)));
        stdin.setRawMode(false);
        let count = 0;
        process.on('SIGINT', () => { count += 1; setTimeout(() => { console.log('SIGINT ' + count); process.exit(3); }, 300); });
        console.log('waiting');
        setInterval(() => {}, 1000);
      });
      console.log('tty ' + [stdin.isTTY, stdout.isTTY, stderr.isTTY, stdout.columns, stdout.rows]);`,
    );
    const terminal = new Terminal(run(`${node} ${app}`));
    const [, url] = await terminal.sees(/cancel-trace: (http:\S+)/);
    await terminal.sees(/tty true,true,true,101,33/);
    // In raw mode that is a key.
    terminal.type(CTRL_C);
    await terminal.sees(/key "\\u0003"/);
    await terminal.sees(/waiting/);
    terminal.type(CTRL_C);
    await terminal.sees(/SIGINT 1\r/);
    const [, code, stays] = await terminal.sees(STAYS);
    assert.deepEqual([code, stays], ['3', url]);
    assert.equal((await fetch(String(url))).status, 200);
    terminal.type(CTRL_C);
    assert.equal(await terminal.ends(), 3);
  });

  it('ends a program that has no handler, and says so as a shell does', async () => {
    const terminal = new Terminal(run(`${node} -e "setInterval(() => {}, 1000); console.log('up')"`));
    await terminal.sees(/^up/m);
    terminal.type(CTRL_C);
    const [, code] = await terminal.sees(STAYS);
    assert.equal(code, '130');
    terminal.type(CTRL_C);
    assert.equal(await terminal.ends(), 130);
  });

  it('a program whose input is a pipe gets Ctrl-C once, too', async () => {
    const app = write(
      'piped.cjs',
      `let count = 0;
      process.on('SIGINT', () => { count += 1; setTimeout(() => { console.log('SIGINT ' + count); process.exit(); }, 500); });
      process.stdin.once('data', (text) => console.log('read ' + text));
      setInterval(() => {}, 1000);`,
    );
    const terminal = new Terminal(`(echo text; sleep 60) | ${run(`${node} ${app}`)}`);
    await terminal.sees(/read text/);
    terminal.type(CTRL_C);
    await terminal.sees(/SIGINT 1\r/);
    await terminal.sees(STAYS);
    terminal.type(CTRL_C);
  });

  it('gives the terminal back as it was, when a program is killed that had it in raw mode', async () => {
    const app = write(
      'raw.cjs',
      `process.stdin.setRawMode(true); console.log('raw'); process.kill(process.pid, 'SIGKILL');`,
    );
    const terminal = new Terminal(run(`${node} ${app}`));
    const [, code] = await terminal.sees(STAYS);
    assert.equal(code, '137');
    terminal.type(CTRL_C);
    assert.equal(await terminal.ends(), 137);
  });

  it('does not stay when it is told to end by another signal than Ctrl-C', async () => {
    for (const signal of ['TERM', 'HUP']) {
      const app = `${node} -e "console.log('parent ' + process.ppid); setInterval(() => {}, 1000)"`;
      const terminal = new Terminal(run(app));
      const [, pid] = await terminal.sees(/parent (\d+)/);
      process.kill(Number(pid), `SIG${signal}`);
      assert.equal(await terminal.ends(), signal === 'TERM' ? 143 : 129);
      assert.doesNotMatch(terminal.output, STAYS);
    }
  });

  const cancelling = write(
    'cancelling.mjs',
    `import http from 'node:http';
    const server = http.createServer(() => {}).listen(0, '127.0.0.1', () => {
      const request = http.get({ port: server.address().port }).on('error', () => server.close());
      server.once('request', () => request.destroy());
    });`,
  );
  for (const [how, env, isColoured] of [
    ['in colours', {}, true],
    ['without colours, where nobody wants them', { NO_COLOR: '1' }, false],
    ['without colours, where the terminal has none', { TERM: 'dumb' }, false],
  ] as const) {
    it(`prints traces ${how}, of what a shell starts`, async () => {
      const terminal = new Terminal(run(`sh -c '${node} ${cancelling}; exit 4'`), env);
      await terminal.sees(/2 spans, 2 cancelled/);
      await terminal.sees(STAYS);
      assert.equal(terminal.output.includes('\x1b['), isColoured);
      terminal.type(CTRL_C);
      assert.equal(await terminal.ends(), 4);
    });
  }
});
