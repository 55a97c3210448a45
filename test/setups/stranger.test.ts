/** A stranger with an Express application of his own: from the install to the page with his first cancel, at a terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installLine } from './support/readme.ts';
import { SetupFolder } from './support/setup-folder.ts';
import { leave } from './support/visitors.ts';

const APP = `const express = require('express');
const app = express();
app.get('/slow/:id', (request, response) => setTimeout(() => response.send('late'), 2000));
const server = app.listen(0, '127.0.0.1', () => console.log('listens on ' + server.address().port + '.'));`;
/** From the first command to the cancel on the page. */
const LIMIT_MS = 60_000;
const CTRL_C = '\x03';

const hasTerminal = spawnSync('script', ['--version']).stdout?.includes('util-linux') === true;

describe('a stranger with an Express application', {
  skip: !hasTerminal && 'there is no script of util-linux',
}, () => {
  for (const node of ['20', '22', '24', '26'] as const) {
    it(`has the page with the first cancel within a minute, on Node ${node}`, async () => {
      const folder = new SetupFolder({ node, type: 'commonjs' });
      after(() => folder.remove());
      folder.write('app.js', APP);
      const startMs = performance.now();
      await folder.install('npm install express');
      await folder.install(installLine);
      // The shell that it is run by would have a say in the exit code.
      const terminal = folder.start(`script -qefc 'exec npx cancel-trace run -- node app.js' /dev/null`);
      let output = '';
      terminal.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const ended = once(terminal, 'exit');
      const sees = async (pattern: RegExp): Promise<string> => {
        for (;;) {
          const [, found] = pattern.exec(output) ?? [];
          if (found !== undefined) return found;
          const isOver = terminal.exitCode !== null || performance.now() - startMs > LIMIT_MS;
          if (isOver) throw folder.failure(`no ${pattern} in: ${output}`);
          await sleep(50);
        }
      };
      try {
        const page = await sees(/cancel-trace: (http:\S+)/);
        const port = await sees(/listens on (\d+)\./);
        await leave(`http://127.0.0.1:${port}/slow/7`);
        await sees(/(GET \/slow\/:id) .*canceled .*peer +disconnect/);
        const { total } = (await (await fetch(`${page}/api/traces`)).json()) as { total: number };
        assert.equal(total, 1);
        assert.ok(performance.now() - startMs < LIMIT_MS, 'within a minute');
        terminal.stdin?.write(CTRL_C);
        await sees(/(stays until Ctrl-C)/);
        terminal.stdin?.write(CTRL_C);
        await ended;
      } finally {
        terminal.kill('SIGKILL');
      }
    });
  }
});
