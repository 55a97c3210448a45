/** docs/troubleshooting.md: each command prints what stands there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { GrpcService, loadGrpc } from '../integrations/grpc/service.ts';
import { readPage } from './pages.ts';
import { assertPrinted, Folder, transcriptsIn } from './transcripts.ts';

const page = readPage('docs/troubleshooting.md');
/** Those that need a real Jaeger are run with one: test/stack/jaeger/troubleshooting.test.ts. */
const transcripts = transcriptsIn(page).filter(({ command }) => !/^curl|:16686/.test(command));
const folder = new Folder(page);
const service = await new GrpcService(loadGrpc()).listen();
let freePort: number;

before(async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  freePort = (server.address() as net.AddressInfo).port;
  server.close();
});
after(async () => {
  await service.close();
  folder.remove();
});

describe('docs/troubleshooting.md', () => {
  it('has a command for each question', () => assert.ok(transcripts.length > 10));

  for (const { command, printed } of transcripts) {
    it(`${command}: ${printed.join(' ')}`, async () => {
      // Nobody listens on 4318, and a gRPC server on 4317, whatever runs on this machine.
      const endpoint = /_ENDPOINT=/.test(command)
        ? {}
        : { OTEL_EXPORTER_OTLP_ENDPOINT: `http://localhost:${freePort}` };
      const output = await folder.run(command.replaceAll(':4317', `:${service.port}`), endpoint);
      const asInDocs = output.replaceAll(`:${service.port}`, ':4317').replaceAll(`:${freePort}`, ':4318');
      assertPrinted(asInDocs, printed);
    });
  }
});
