import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { http2Integration } from '../../../src/integrations/http2/index.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { GrpcService, KINDS, loadGrpc, startCall } from '../grpc/service.ts';
import { Http2Lab } from './lab.ts';

const telemetry = new Telemetry('alone', { integrations: [http2Integration] });
const lab = new Http2Lab();

function ended(kind: SpanKind): number {
  return telemetry.ended.filter((span) => span.kind === kind).length;
}

describe('streams of a library that has an integration of its own are left to it', () => {
  after(() => lab.close());
  beforeEach(() => telemetry.reset());

  it("undici's", async (test) => {
    const versions: string[] = [];
    const peer = await lab.serve(
      ({ request, response }) => {
        versions.push(request?.httpVersion ?? '');
        response?.end('body');
      },
      { transport: 'h2', api: 'compat', allowHTTP1: true },
    );
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      const response = await fetch(peer.url);
      assert.equal(await response.text(), 'body');
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    if (versions[0] !== '2.0') return test.skip('the fetch() of this version of Node speaks HTTP/1 only');
    await telemetry.allEnded();
    assert.equal(ended(SpanKind.CLIENT), 0);
    assert.equal(ended(SpanKind.SERVER), 1);
  });

  for (const channelz of [0, 1]) {
    it(`grpc-js's, ${channelz ? 'with' : 'without'} channelz`, async () => {
      const service = await new GrpcService(loadGrpc(), { 'grpc.enable_channelz': channelz }).listen();
      const client = await service.client(undefined, { 'grpc.primary_user_agent': 'shop/1.0' });
      for (const kind of KINDS) {
        const { call, ended: over } = startCall(client, kind);
        call.resume?.();
        call.end?.();
        assert.equal(await over, null);
      }
      service.close();
      assert.equal(ended(SpanKind.CLIENT), 0);
      assert.equal(ended(SpanKind.SERVER), 0);
      assert.equal(telemetry.open.size, 0);
    });
  }

  it('but what is no gRPC is recorded on a grpc-js server, too', async () => {
    const service = await new GrpcService(loadGrpc()).listen();
    const { connect } = await import('node:http2');
    const session = connect(`http://${service.address}`);
    const client = session.request({ ':method': 'POST', 'content-type': 'text/plain' });
    const status = await new Promise((resolve) => client.on('response', (head) => resolve(head[':status'])));
    client.resume();
    await new Promise((resolve) => client.on('close', resolve));
    session.destroy();
    service.close();
    assert.equal(status, 415);
    await telemetry.allEnded();
    assert.equal(ended(SpanKind.CLIENT), 1);
    assert.equal(ended(SpanKind.SERVER), 1);
  });
});
