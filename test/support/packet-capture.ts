/**
 * What goes over loopback, recorded by a real tcpdump, which takes root; `sudo bash .ci/capture-tools` installs it and tshark.
 *
 *   CI   set: a missing one is an error, no reason to leave tests out
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findServerProgram, unavailable } from './databases.ts';

export interface PacketCapture {
  readonly file: string;
  /** A new folder, which `remove()` takes away. */
  readonly folder: string;
  /** Resolves when the bytes `last`, which were sent last, are in the file. */
  stop(last: string): Promise<void>;
  remove(): void;
}

export function captureTools(): { unavailable: string } | { tcpdump: string } {
  const tcpdump = findServerProgram('tcpdump');
  if (tcpdump === undefined || findServerProgram('tshark') === undefined)
    return unavailable('no tcpdump or tshark');
  if (process.getuid?.() !== 0) return unavailable('only root may capture packets');
  return { tcpdump };
}

/** @param ports of servers on loopback */
export async function startCapture(tcpdump: string, ports: readonly number[]): Promise<PacketCapture> {
  const folder = mkdtempSync(join(tmpdir(), 'capture-'));
  // tcpdump gives up root before it opens the file.
  chmodSync(folder, 0o777);
  const file = join(folder, 'capture.pcap');
  const filter = ports.map((port) => `tcp port ${port}`).join(' or ');
  // Each packet is written when it comes (-U). None is lost: at once, the kernel has room for each as if it were as long as it may be
  // (-s, 256 KiB unless told), so a buffer (-B, in KiB) of such holds few of them.
  const room = ['-s', '65600', '-B', '131072'];
  const child = spawn(tcpdump, ['-i', 'lo', '--immediate-mode', '-U', ...room, '-w', file, filter], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`tcpdump: ${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('listening on')) resolve();
    });
  });
  return {
    file,
    folder,
    async stop(last) {
      const limitMs = performance.now() + 20_000;
      while (!readFileSync(file).includes(last) && performance.now() < limitMs) await delay(50);
      child.kill('SIGINT');
      await once(child, 'exit');
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
