/** What of a packet counts here: who sent it when, what of HTTP is in it, and whether it ends the connection. */
import type { Header } from './header.ts';

export interface Packet {
  /** In its file, from 1. */
  readonly number: number;
  /** Unix time in ms, with fractions. */
  readonly atMs: number;
  /** Of the connection, in the capture. */
  readonly connection: number;
  /** Address and port. */
  readonly from: string;
  readonly to: string;
  readonly isFin: boolean;
  readonly isReset: boolean;
  /** Of its first byte among those that this side sends, modulo 2^32. */
  readonly sequence: number;
  /** Of the byte that this side waits for, among those of the other; undefined in a reset that answers nothing. */
  readonly acknowledged: number | undefined;
  /** Bytes of the connection's content. */
  readonly length: number;
  /** Fewer of them may have been captured. */
  readonly capturedLength: number;
  readonly isTls: boolean;
  /** What is said in it; of TLS decrypted. */
  readonly content: Buffer;
  readonly frames: readonly Http2Frame[];
}

export interface Http2Frame {
  readonly type: number;
  readonly stream: number;
  /** Bytes, without the frame's own head. */
  readonly length: number;
  readonly isEndOfStream: boolean;
  /** Of HEADERS and CONTINUATION: no more of them follows. */
  readonly isEndOfHeaders: boolean;
  readonly headers: readonly SentHeader[];
  /** Of PING: it answers one. */
  readonly isAnswer: boolean;
  /** Of RST_STREAM and GOAWAY. */
  readonly errorCode: number | undefined;
  /** Of WINDOW_UPDATE: bytes. */
  readonly increment: number | undefined;
  /** Of SETTINGS: bytes that a stream may send at first. */
  readonly initialWindow: number | undefined;
}

/** Of HPACK, RFC 7541. */
export interface SentHeader {
  readonly header: Header;
  /** Said by its number among those that were sent before on this connection: wrong where some of them were not captured. */
  readonly isByNumber: boolean;
}

/** What a number stands for that was given before the capture began. */
export const UNKNOWN = '<unknown>';

type Fields = Readonly<Record<string, unknown>>;

/** @param line as `tshark -T ek` writes it: of each packet one line before it, which names an index */
export function readPacket(line: string): Packet | undefined {
  const layers = layersIn(line);
  const tcp = fieldsIn(layers?.tcp)[0];
  if (layers === undefined || tcp === undefined) return undefined;
  const frame = fieldsIn(layers.frame)[0] ?? {};
  const protocols = (text(frame.frame_frame_protocols) ?? '').split(':');
  // In a tunnel, that of the connection is the last.
  const family = protocols.slice(0, protocols.indexOf('tcp')).findLast(isIp) ?? 'ip';
  const ip = fieldsIn(layers[family]).at(-1);
  const address = (side: 'src' | 'dst') => {
    const v6 = text(ip?.[`ipv6_ipv6_${side}`]);
    return v6 === undefined ? (text(ip?.[`ip_ip_${side}`]) ?? '?') : `[${v6}]`;
  };
  const payload = bytesIn(text(tcp.tcp_tcp_payload));
  const isTls = protocols.includes('tls');
  return {
    number: number(frame.frame_frame_number) ?? 0,
    atMs: unixMs(text(frame.frame_frame_time_epoch) ?? '0'),
    connection: number(tcp.tcp_tcp_stream) ?? 0,
    from: `${address('src')}:${text(tcp.tcp_tcp_srcport)}`,
    to: `${address('dst')}:${text(tcp.tcp_tcp_dstport)}`,
    isFin: tcp.tcp_tcp_flags_fin === true,
    isReset: tcp.tcp_tcp_flags_reset === true,
    sequence: number(tcp.tcp_tcp_seq) ?? 0,
    acknowledged: tcp.tcp_tcp_flags_ack === true ? number(tcp.tcp_tcp_ack) : undefined,
    length: number(tcp.tcp_tcp_len) ?? 0,
    capturedLength: payload.length,
    isTls,
    content: isTls
      ? Buffer.concat(fieldsIn(layers.data).map((data) => bytesIn(text(data.data_data_data))))
      : payload,
    frames: fieldsIn(layers.http2).flatMap(frameOf),
  };
}

const isIp = (protocol: string): boolean => protocol === 'ip' || protocol === 'ipv6';

/** As tshark writes them: `0d:0a`. */
function bytesIn(hexadecimal: string | undefined): Buffer {
  return Buffer.from((hexadecimal ?? '').replaceAll(':', ''), 'hex');
}

function layersIn(line: string): Fields | undefined {
  try {
    const { layers } = JSON.parse(line) as { layers?: Fields };
    return layers;
  } catch {
    return undefined; // the last line of a capture that was cut
  }
}

function frameOf(fields: Fields): Http2Frame[] {
  const type = number(fields.http2_http2_type);
  if (type === undefined) return []; // the preface
  return [
    {
      type,
      stream: number(fields.http2_http2_streamid) ?? 0,
      length: number(fields.http2_http2_length) ?? 0,
      isEndOfStream: list(fields.http2_http2_flags_end_stream).includes(true),
      isEndOfHeaders: list(fields.http2_http2_flags_eh).includes(true),
      headers: headersOf(fields),
      isAnswer: list(fields.http2_http2_flags_ack_ping).includes(true),
      errorCode: number(fields.http2_http2_rst_stream_error) ?? number(fields.http2_http2_goaway_error),
      increment: number(fields.http2_http2_window_update_window_size_increment),
      initialWindow: number(fields.http2_http2_settings_initial_window_size),
    },
  ];
}

function headersOf(fields: Fields): SentHeader[] {
  const values = texts(fields.http2_http2_header_value);
  const kinds = texts(fields.http2_http2_header_repr);
  // Only of those that have one.
  const numbers = texts(fields.http2_http2_header_index).map(Number);
  return texts(fields.http2_http2_header_name).map((name, index) => {
    const isIndexed = kinds[index]?.includes('Index') === true && !kinds[index].includes('New Name');
    const isByNumber = isIndexed && (numbers.shift() ?? 0) > LAST_STATIC;
    return { header: [name.toLowerCase(), values[index] ?? ''], isByNumber };
  });
}

/** Up to this number they are those of the specification. */
const LAST_STATIC = 61;

/** `1795950986.079918000`: more digits than a number of seconds would keep. */
function unixMs(epoch: string): number {
  const [seconds = '0', fraction = ''] = epoch.split('.');
  return Number(seconds) * 1_000 + Number(`0.${fraction}`) * 1_000;
}

function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function fieldsIn(value: unknown): Fields[] {
  return list(value).filter((item): item is Fields => typeof item === 'object' && item !== null);
}

function texts(value: unknown): string[] {
  return list(value).map((item) => String(item ?? ''));
}

function text(value: unknown): string | undefined {
  return texts(value)[0];
}

function number(value: unknown): number | undefined {
  const [first] = list(value);
  return first === undefined || !Number.isFinite(Number(first)) ? undefined : Number(first);
}
