/** gRPC calls between grpc-js and grpc-go that are given up, in each phase, as the wire tells of them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ClientCall,
  GrpcService,
  KINDS,
  type Kind,
  loadGrpc,
  ready,
  type ServerCall,
  startCall,
} from '../integrations/grpc/service.ts';
import { findOrBuildPeer, GoCalls, GoServer, type Step } from '../support/go-peer.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { capture, says, type Told, toldIn } from '../support/told-by-capture.ts';

const tools = captureTools();
const found = await findOrBuildPeer();
const missing = [tools, found]
  .map((part) => 'unavailable' in part && part.unavailable)
  .find((reason) => reason !== false);

/** Whatever else the machine does, all calls are on the wire by then. */
const TIMEOUT_MS = 1_500;
/** Time for what was sent to be on the wire. */
const ON_ITS_WAY_MS = 200;

/** What the server's handler does, and by that how far the call is when it ends. */
type Phase = 'wait' | 'header' | 'first' | 'half' | 'flood' | 'answer';
type End = 'cancel' | 'deadline' | 'answer';

const PHASES: Readonly<Record<Phase, string>> = {
  wait: 'before the headers of the answer',
  header: 'after them',
  first: 'after a message',
  half: 'after the half-close',
  flood: 'while it sends what it can',
  answer: 'that is answered',
};

interface Case {
  readonly kind: Kind;
  readonly phase: Phase;
  readonly end: End;
  readonly traceId: string;
}

const streamsRequests = (kind: Kind) => kind === 'clientStream' || kind === 'bidi';
const streamsAnswers = (kind: Kind) => kind === 'serverStream' || kind === 'bidi';

function casesOf(direction: number): Case[] {
  const all: Omit<Case, 'traceId'>[] = [];
  for (const kind of KINDS) {
    for (const end of ['cancel', 'deadline'] as const) {
      const phases: Phase[] = ['wait', 'header'];
      if (streamsAnswers(kind)) phases.push('first');
      if (streamsRequests(kind)) phases.push('half');
      all.push(...phases.map((phase) => ({ kind, phase, end })));
    }
    if (streamsAnswers(kind)) all.push({ kind, phase: 'flood', end: 'cancel' });
    all.push({ kind, phase: 'answer', end: 'answer' });
  }
  return all.map((one, index) => ({ ...one, traceId: `${direction}${String(index).padStart(31, '0')}` }));
}

const isOfGo = (traceId: string) => traceId.startsWith('2');

const DIRECTIONS = { 'grpc-js to grpc-go': casesOf(1), 'grpc-go to grpc-js': casesOf(2) } as const;

describe('capture of gRPC', { skip: missing ?? false }, () => {
  const grpc = loadGrpc();
  const service = new GrpcService(grpc);
  let server: GoServer;
  let recorded: PacketCapture;
  let byTrace: Map<string | undefined, Told>;
  let notable: Set<string | undefined>;

  before(async () => {
    const { binary } = found as { binary: string };
    server = await GoServer.start(binary);
    service.handler = handle;
    await service.listen();
    const ports = [service.port, Number(server.grpc.split(':')[1])];
    recorded = await startCapture((tools as { tcpdump: string }).tcpdump, ports);
    const calls = new GoCalls(
      binary,
      DIRECTIONS['grpc-go to grpc-js'].map((one) => stepOf(one, service.address)),
    );
    await Promise.all([callGo(), calls.ended()]);
    await calls.close();
    const last = await service.client();
    service.handler = (_call, answer) => answer(null, { text: 'the end of all' });
    await startCall(last, 'unary').ended;
    await recorded.stop('the end of all');
    byTrace = new Map(
      toldIn((await capture(recorded.file, '--all', '--json')).stdout).map((told) => [told.traceId, told]),
    );
    notable = new Set(toldIn((await capture(recorded.file, '--json')).stdout).map(({ traceId }) => traceId));
  });
  after(async () => {
    recorded.remove();
    service.close();
    await server.close();
  });

  for (const [direction, cases] of Object.entries(DIRECTIONS))
    for (const one of cases)
      it(`${direction}, ${one.kind}: ${one.end} ${PHASES[one.phase]}`, () => {
        const told = byTrace.get(one.traceId);
        assert.ok(told !== undefined, `no ${one.traceId}`);
        check(one, told);
        assert.equal(notable.has(one.traceId), one.end !== 'answer', says(told).join('\n'));
        const remarks = told.remarks.filter(
          (remark) => one.phase !== 'flood' || !remark.endsWith('for a WINDOW_UPDATE'),
        );
        assert.match(
          remarks.join('\n'),
          /^(the connection goes on: in use \d+(\.\d)? ms later|the connection is not closed)?$/,
        );
        // All calls of a direction share a connection, which outlives each of them.
        assert.equal(told.connection, byTrace.get(cases[0]?.traceId)?.connection);
        assert.notEqual(told.connectionEnd?.how, 'RST');
        assert.ok(
          (told.connectionEnd?.atMs ?? Number.POSITIVE_INFINITY) > endOf(told),
          says(told).join('\n'),
        );
      });

  function check({ kind, phase, end, traceId }: Case, told: Told): void {
    const said = says(told).join('\n');
    assert.deepEqual([told.protocol, told.target], ['HTTP/2', `/test.Echo/${kind}`]);
    const isAnswered = told.grpcStatus !== undefined;
    if (end === 'deadline') {
      assert.match(told.limitHeaders.join('\n'), /^grpc-timeout,\d{1,8}[mun]$/);
      const timeoutMs = told.limit?.timeoutMs ?? 0;
      assert.ok(timeoutMs > TIMEOUT_MS / 2 && timeoutMs <= TIMEOUT_MS, `${timeoutMs} ms`);
      assert.ok(endOf(told) - told.requestAtMs >= timeoutMs / 2, said);
      // Either side has a timer; whose runs out first resets, or answers.
      if (isAnswered) assert.equal(told.grpcStatus, 4, said);
      else assert.deepEqual([told.cut?.how, told.cut?.errorCode], ['RST_STREAM', 8], said);
    } else assert.deepEqual(told.limitHeaders, []);
    if (end === 'cancel') {
      assert.deepEqual([told.cut?.by, told.cut?.how, told.cut?.errorCode], ['client', 'RST_STREAM', 8], said);
      assert.match(said, /^client: RST_STREAM CANCEL$/m);
      assert.equal(isAnswered, false);
    }
    if (end === 'answer') assert.deepEqual([told.status, told.grpcStatus], [200, 0], said);
    const isHalfClosed = !streamsRequests(kind) || phase === 'half';
    if (isHalfClosed) assert.notEqual(told.requestEndAtMs, undefined, said);
    // Node ends what it sends on a stream before it resets it.
    else if (end !== 'answer' && isOfGo(traceId)) assert.equal(told.requestEndAtMs, undefined, said);
    if (!isAnswered) assert.equal(told.answerAtMs !== undefined, !['wait', 'half'].includes(phase), said);
    if (phase === 'flood' && told.late.server.count > 0)
      assert.match(said, /^server: (the last of \d+ DATA frames|one DATA frame) after that: \d+ bytes$/m);
    else if (phase !== 'flood')
      assert.deepEqual([told.late.server.bytes, told.late.client.bytes], [0, 0], said);
  }

  function metadataOf(entries: Record<string, string>) {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
    return metadata;
  }

  async function callGo(): Promise<void> {
    const client = await service.client(server.grpc);
    await ready(client);
    await Promise.all(
      DIRECTIONS['grpc-js to grpc-go'].map(async (one) => {
        const { kind, phase, end } = one;
        const options = end === 'deadline' ? { deadline: Date.now() + TIMEOUT_MS } : {};
        const { call, ended } = startCall(client, kind, options, metadataOf(headersOf(one)));
        if (phase === 'half') call.end();
        const reached = reachedBy(call, phase);
        call.resume?.();
        if (end === 'cancel') await reached.then(() => call.cancel());
        await ended;
      }),
    );
  }

  async function reachedBy(call: ClientCall, phase: Phase): Promise<unknown> {
    if (phase === 'header') return once(call, 'metadata');
    if (phase === 'first' || phase === 'flood') return once(call, 'data');
    return delay(ON_ITS_WAY_MS);
  }

  function handle(
    call: ServerCall,
    answer: ((error: null, value: { text: string }) => void) | undefined,
  ): void {
    const [phase] = call.metadata.get('do');
    call.resume?.();
    call.on('error', () => {});
    if (phase === 'header') call.sendMetadata(new grpc.Metadata());
    if (phase === 'first') call.write({ text: 'first' });
    if (phase === 'flood') flood(call);
    if (phase !== 'answer' && phase !== undefined) return;
    if (typeof answer === 'function') answer(null, { text: 'pong' });
    else call.end();
  }
});

/** Until it hears of the cancel. */
function flood(call: ServerCall): void {
  if (call.cancelled) return;
  call.write({ text: 'x'.repeat(1_000) });
  setImmediate(flood, call);
}

function headersOf({ phase, traceId }: Case): Record<string, string> {
  return { do: phase, traceparent: `00-${traceId}-0000000000000001-01` };
}

function stepOf(one: Case, address: string): Step {
  const { kind, phase, end } = one;
  const leaves = {
    wait: 'sent',
    half: 'sent',
    header: 'headers',
    first: 'message',
    flood: 'message',
    answer: undefined,
  } as const;
  return {
    address,
    kind,
    metadata: headersOf(one),
    leaveAt: end === 'cancel' ? leaves[phase] : undefined,
    timeoutMs: end === 'deadline' ? TIMEOUT_MS : 0,
    halfClose: phase === 'half',
  };
}

function endOf({ cut, answerEndAtMs, requestAtMs }: Told): number {
  return cut?.atMs ?? answerEndAtMs ?? requestAtMs;
}
