/** What of a packet counts here: who sent it when, what of HTTP is in it, and whether it ends the connection. */

export interface Packet {
  /** Unix time in ms, with fractions. */
  readonly atMs: number;
  /** Of the connection, in the capture. */
  readonly connection: number;
  /** Address and port. */
  readonly from: string;
  readonly to: string;
  readonly isFin: boolean;
  readonly isReset: boolean;
  /** Bytes of the connection's content. */
  readonly length: number;
  readonly frames: readonly Http2Frame[];
  readonly messages: readonly Http1Head[];
  /** Bytes of the content that follow the head of a message of HTTP/1.1; all where there is none. */
  readonly bodyLength: number;
  /** The content ends as a chunked body does, without trailers. */
  readonly endsChunks: boolean;
}

export interface Http2Frame {
  readonly type: number;
  readonly stream: number;
  /** Bytes, without the frame's own head. */
  readonly length: number;
  readonly isEndOfStream: boolean;
  /** Of HEADERS and CONTINUATION: no more of them follows. */
  readonly isEndOfHeaders: boolean;
  readonly headers: readonly Header[];
  /** Of RST_STREAM and GOAWAY. */
  readonly errorCode: number | undefined;
  /** Of WINDOW_UPDATE: bytes. */
  readonly increment: number | undefined;
  /** Of SETTINGS: bytes that a stream may send at first. */
  readonly initialWindow: number | undefined;
}

/** Names in lower case. */
export type Header = readonly [name: string, value: string];

export interface Http1Head {
  /** Undefined: it is an answer. */
  readonly method: string | undefined;
  readonly target: string;
  readonly status: number | undefined;
  readonly headers: readonly Header[];
}

type Fields = Readonly<Record<string, unknown>>;

/** @param line as `tshark -T ek` writes it: of each packet one line before it, which names an index */
export function readPacket(line: string): Packet | undefined {
  const layers = layersIn(line);
  const tcp = fieldsIn(layers?.tcp)[0];
  if (layers === undefined || tcp === undefined) return undefined;
  const frame = fieldsIn(layers.frame)[0] ?? {};
  const [ip] = [...fieldsIn(layers.ip), ...fieldsIn(layers.ipv6)];
  const address = (side: 'src' | 'dst') => {
    const v6 = text(ip?.[`ipv6_ipv6_${side}`]);
    return v6 === undefined ? (text(ip?.[`ip_ip_${side}`]) ?? '?') : `[${v6}]`;
  };
  const messages = fieldsIn(layers.http).flatMap(headOf);
  const payload = text(tcp.tcp_tcp_payload) ?? '';
  return {
    atMs: unixMs(text(frame.frame_frame_time_epoch) ?? '0'),
    connection: number(tcp.tcp_tcp_stream) ?? 0,
    from: `${address('src')}:${text(tcp.tcp_tcp_srcport)}`,
    to: `${address('dst')}:${text(tcp.tcp_tcp_dstport)}`,
    isFin: tcp.tcp_tcp_flags_fin === true,
    isReset: tcp.tcp_tcp_flags_reset === true,
    length: number(tcp.tcp_tcp_len) ?? 0,
    frames: fieldsIn(layers.http2).flatMap(frameOf),
    messages,
    bodyLength: bodyLengthIn(payload, messages.length),
    endsChunks: payload.endsWith(LAST_CHUNK),
  };
}

/** `0\r\n\r\n`, in hexadecimal. */
const LAST_CHUNK = '30:0d:0a:0d:0a';
const END_OF_HEAD = '0d:0a:0d:0a';
/** Two digits and a colon. */
const DIGITS = 3;

function bodyLengthIn(payload: string, heads: number): number {
  const length = payload === '' ? 0 : (payload.length + 1) / DIGITS;
  const end =
    heads === 0
      ? -1
      : payload.lastIndexOf(END_OF_HEAD, heads === 1 ? payload.indexOf(END_OF_HEAD) : undefined);
  return end === -1 ? length : length - end / DIGITS - (END_OF_HEAD.length + 1) / DIGITS;
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
  const names = texts(fields.http2_http2_header_name);
  const values = texts(fields.http2_http2_header_value);
  return [
    {
      type,
      stream: number(fields.http2_http2_streamid) ?? 0,
      length: number(fields.http2_http2_length) ?? 0,
      isEndOfStream: list(fields.http2_http2_flags_end_stream).includes(true),
      isEndOfHeaders: list(fields.http2_http2_flags_eh).includes(true),
      headers: names.map((name, index): Header => [name.toLowerCase(), values[index] ?? '']),
      errorCode: number(fields.http2_http2_rst_stream_error) ?? number(fields.http2_http2_goaway_error),
      increment: number(fields.http2_http2_window_update_window_size_increment),
      initialWindow: number(fields.http2_http2_settings_initial_window_size),
    },
  ];
}

function headOf(fields: Fields): Http1Head[] {
  const method = text(fields.http_http_request_method);
  const status = number(fields.http_http_response_code);
  if (method === undefined && status === undefined) return []; // more of a body
  const lines = texts(method === undefined ? fields.http_http_response_line : fields.http_http_request_line);
  return [
    {
      method,
      target: text(fields.http_http_request_uri) ?? '',
      status,
      headers: lines.map((line): Header => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    },
  ];
}

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
