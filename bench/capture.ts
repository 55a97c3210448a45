/**
 * npm run bench:capture -- [--megabytes 1024] [--one-connection]: what `cancel-trace capture` takes of memory and time for a large capture. Real
 * traffic of HTTP/1.1 and HTTP/2 is recorded once, and repeated from one client address after the other until the file is as large; or all of it goes
 * over one connection of HTTP/2, which is recorded as it is. Linux only, as root.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { captureTools, startCapture } from '../test/support/packet-capture.ts';
import { readPcap, tcpOf } from '../test/support/pcap-file.ts';
import { childPids, usageOf } from './processes.ts';

const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '1024' }, 'one-connection': { type: 'boolean' } },
});
const isOne = values['one-connection'] ?? false;
const wantedBytes = Number(values.megabytes) * 1024 * 1024;
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Of a packet in the file: its own head, that of Ethernet, and then that of IP with the addresses. */
const IP = 16 + 14;
const [SOURCE, TARGET] = [IP + 12, IP + 16];
const BODY = Buffer.alloc(16 * 1024, 'x');

const tools = captureTools();
if ('unavailable' in tools) throw new Error(tools.unavailable);
console.log(`Node ${process.versions.node}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}`);
const { recorded, requests, serverPorts } = await record(tools.tcpdump);
const file = isOne ? recorded.file : join(recorded.folder, 'large.pcap');
const copies = isOne ? 1 : repeat(recorded.file, file, serverPorts);
console.log(`${values.megabytes} MB: ${copies * requests} requests${isOne ? ' over one connection' : ''}`);
try {
  await measure(file);
} finally {
  recorded.remove();
}

/** Each connection is closed at the end, as those of many clients are. */
async function record(tcpdump: string) {
  const plain = http.createServer((_request, response) => response.end(BODY));
  const second = http2.createServer((request, response) => {
    if (request.url === '/left') response.write('some');
    else response.end(BODY);
  });
  for (const server of [plain, second]) await once(server.listen(0, '127.0.0.1'), 'listening');
  const ports = [plain, second].map((server) => (server.address() as AddressInfo).port);
  const [first = 0, other = 0] = ports;
  const recorded = await startCapture(tcpdump, ports);
  let requests = 0;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (; requests < 50; requests++) {
    const [answer] = await once(http.get({ port: first, host: '127.0.0.1', agent }), 'response');
    await once(answer.resume(), 'end');
  }
  agent.destroy();
  const ofHttp2 = isOne ? Math.ceil(wantedBytes / BODY.length) : 50;
  const session = http2.connect(`http://127.0.0.1:${other}`);
  for (let count = 0; count < ofHttp2; count++, requests++) {
    const stream = session.request({ ':path': count % 10 === 0 ? '/left' : '/' });
    stream.on('response', () => {
      if (count % 10 === 0) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    await once(stream.resume(), 'close');
  }
  const closed = once(session, 'close');
  session.close();
  await closed;
  const [last] = await once(
    http.get({ port: first, host: '127.0.0.1', path: '/the-end', agent: false }),
    'response',
  );
  await once(last.resume(), 'end');
  await recorded.stop('/the-end');
  for (const server of [plain, second]) server.close();
  return { recorded, requests: requests + 1, serverPorts: new Set(ports) };
}

/** @returns how often */
function repeat(from: string, to: string, serverPorts: ReadonlySet<number>): number {
  const { head, packets } = readPcap(readFileSync(from));
  const timeOf = (packet: Buffer): number => packet.readUInt32LE(0) + packet.readUInt32LE(4) / 1e6;
  const seconds = Math.ceil(timeOf(packets.at(-1) as Buffer) - timeOf(packets[0] as Buffer)) + 1;
  const output = openSync(to, 'w');
  writeSync(output, head);
  let copy = 0;
  for (let bytes = 0; bytes < wantedBytes; copy++) {
    const copied = Buffer.concat(
      packets.map((packet) => {
        const changed = Buffer.from(packet);
        changed.writeUInt32LE(packet.readUInt32LE(0) + copy * seconds, 0);
        const address = serverPorts.has(tcpOf(packet).sourcePort) ? TARGET : SOURCE;
        changed.writeUInt32BE(0x7f010001 + copy, address);
        return changed;
      }),
    );
    bytes += writeSync(output, copied);
  }
  closeSync(output);
  return copy;
}

async function measure(file: string): Promise<void> {
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [main, 'capture', file, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let lines = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) lines++;
  });
  const most = { node: 0, tshark: 0 };
  const timer = setInterval(() => {
    const { pid } = child;
    if (pid === undefined || child.exitCode !== null) return;
    most.node = Math.max(most.node, peakOf(pid));
    for (const other of childPids(pid)) most.tshark = Math.max(most.tshark, peakOf(other));
  }, 200);
  const [code] = await once(child, 'close');
  clearInterval(timer);
  const seconds = (performance.now() - startedAtMs) / 1_000;
  console.log(
    `exit ${code}, ${seconds.toFixed(0)} s; told ${lines} requests; memory at most: ${most.node} MB of the command, ${most.tshark} MB of tshark`,
  );
}

/** MB; 0 of a process that has ended. */
function peakOf(pid: number): number {
  try {
    // One that has ended and is not waited for has no memory.
    return Math.round(usageOf(pid).peakBytes / 1024 ** 2) || 0;
  } catch {
    return 0;
  }
}
