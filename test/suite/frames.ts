import { describe, expect, test } from 'vitest'
import { deflate, inflate } from './deflate.ts'
import {
  alignRelayed,
  closePayload,
  connectRaw,
  type Frame,
  frame,
  framesUntilClose,
  opcodes,
  type RawClient,
} from './raw-client.ts'

type Expected = Pick<Frame, 'opcode'> & { payload: Buffer }

/** The frames that a client sends, and all frames that it gets. After a close frame the connection ends. */
type Row = [title: string, sent: Uint8Array[], expected: Expected[]]

const { continuation, text, binary, close, ping, pong } = opcodes

const reply = (opcode: number, payload: Uint8Array | string = ''): Expected => ({
  opcode,
  payload: Buffer.from(payload),
})
const closed = (code: number, reason: Uint8Array | string = '') => reply(close, closePayload(code, reason))
const bye = frame(close, closePayload(1000))
const goodbye = closed(1000)

const lengths = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 2 ** 20]
const payloadOf = (length: number) => Buffer.from(Array.from({ length }, (_, i) => 32 + ((i * 7) % 95)))

const messages: Row[] = [text, binary].flatMap(opcode =>
  lengths.map((length): Row => {
    const payload = payloadOf(length)
    const name = opcode === text ? 'text' : 'binary'
    return [`${name} of ${length} bytes`, [frame(opcode, payload), bye], [reply(opcode, payload), goodbye]]
  }),
)

const sequence = Array.from({ length: 500 }, (_, i) => `message ${i}`)

const sequences: Row[] = [
  [
    '500 messages at once',
    [...sequence.map(s => frame(text, s)), bye],
    [...sequence.map(s => reply(text, s)), goodbye],
  ],
  [
    'messages of all lengths',
    [...lengths.map(length => frame(binary, payloadOf(length))), bye],
    [...lengths.map(length => reply(binary, payloadOf(length))), goodbye],
  ],
  [
    'messages and pings alternating',
    [0, 1, 2].flatMap(i => [frame(text, `${i}`), frame(ping, `${i}`)]).concat(bye),
    [...[0, 1, 2].flatMap(i => [reply(text, `${i}`), reply(pong, `${i}`)]), goodbye],
  ],
]

const controls: Row[] = [
  ['a ping without a payload', [frame(ping), bye], [reply(pong), goodbye]],
  ['a ping of 125 bytes', [frame(ping, payloadOf(125)), bye], [reply(pong, payloadOf(125)), goodbye]],
  ['a ping of 126 bytes', [frame(ping, payloadOf(126))], [closed(1002)]],
  ['a ping of bytes that are not UTF-8', [frame(ping, 'ÿþ'), bye], [reply(pong, 'ÿþ'), goodbye]],
  ['an unsolicited pong', [frame(pong, 'x'), frame(ping, 'y'), bye], [reply(pong, 'y'), goodbye]],
  ['a pong of 126 bytes', [frame(pong, payloadOf(126))], [closed(1002)]],
  ['500 pings at once', [...sequence.map(s => frame(ping, s)), bye], [...sequence.map(s => reply(pong, s)), goodbye]],
  ['a ping that is not final', [frame(ping, 'x', { fin: false })], [closed(1002)]],
  ['a close that is not final', [frame(close, closePayload(1000), { fin: false })], [closed(1002)]],
]

const reserved: Row[] = [
  ...[1, 2, 3, 4, 5, 6, 7].flatMap(rsv =>
    Object.entries(opcodes).map(([name, opcode]): Row => {
      const bytes = frame(opcode, opcode === close ? closePayload(1000) : 'x', { rsv })
      return [
        `a ${name} frame with reserved bits ${rsv}`,
        [frame(text, 'before'), bytes, frame(text, 'after')],
        [reply(text, 'before'), closed(1002)],
      ]
    }),
  ),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode): Row[] => [
    [`reserved opcode ${opcode}`, [frame(text, 'before'), frame(opcode)], [reply(text, 'before'), closed(1002)]],
    [`reserved opcode ${opcode} with a payload`, [frame(opcode, 'x')], [closed(1002)]],
  ]),
  ['a frame without a mask', [frame(text, 'hello', { mask: false })], [closed(1002)]],
  ['a ping without a mask', [frame(ping, 'hello', { mask: false })], [closed(1002)]],
  ...[
    ['5 bytes in a length of 16 bits', [0x81, 0xfe, 0, 5]],
    ['125 bytes in a length of 16 bits', [0x81, 0xfe, 0, 125]],
    ['125 bytes in a length of 64 bits', [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 125]],
    ['65,535 bytes in a length of 64 bits', [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]],
    ['a ping of 5 bytes in a length of 16 bits', [0x89, 0xfe, 0, 5]],
  ].map(([what, header]): Row => {
    const bytes = Buffer.from([...(header as number[]), 0, 0, 0, 0])
    return [`${what}`, [frame(text, 'before'), bytes], [reply(text, 'before'), closed(1002)]]
  }),
]

const part = (opcode: number, payload: Uint8Array | string, fin = false) => frame(opcode, payload, { fin })

const fragments: Row[] = [
  ['text in two frames', [part(text, 'he'), part(continuation, 'llo', true), bye], [reply(text, 'hello'), goodbye]],
  [
    'binary in three frames with pings between',
    [
      part(binary, 'a'),
      frame(ping, '1'),
      part(continuation, 'b'),
      frame(ping, '2'),
      part(continuation, 'c', true),
      bye,
    ],
    [reply(pong, '1'), reply(pong, '2'), reply(binary, 'abc'), goodbye],
  ],
  [
    'empty fragments',
    [part(text, ''), part(continuation, ''), part(continuation, '', true), frame(text, 'next'), bye],
    [reply(text), reply(text, 'next'), goodbye],
  ],
  [
    'a fragment for each byte',
    [
      part(text, 'x'),
      ...Array.from({ length: 998 }, () => part(continuation, 'x')),
      part(continuation, 'x', true),
      bye,
    ],
    [reply(text, 'x'.repeat(1000)), goodbye],
  ],
  [
    'messages before and after a fragmented one',
    [frame(text, '1'), part(text, '2'), part(continuation, '3', true), frame(text, '4'), bye],
    [reply(text, '1'), reply(text, '23'), reply(text, '4'), goodbye],
  ],
  ['a continuation without a first frame', [part(continuation, 'x', true)], [closed(1002)]],
  ['a continuation without a first frame, not final', [part(continuation, 'x'), frame(text, 'y')], [closed(1002)]],
  ['a message within a message', [part(text, 'x'), frame(text, 'y')], [closed(1002)]],
  ['a fragmented message within a message', [part(text, 'x'), part(binary, 'y')], [closed(1002)]],
  ['a close within a message', [part(text, 'x'), bye], [goodbye]],
]

const characters = Buffer.from('κόσμε €𐍈 \u{10ffff}')

const invalidUtf8 = {
  'a lone continuation byte': '80',
  'a lone last continuation byte': 'bf',
  'an overlong slash of 2 bytes': 'c0af',
  'an overlong slash of 3 bytes': 'e080af',
  'an overlong slash of 4 bytes': 'f08080af',
  'an overlong zero': 'c080',
  'a high surrogate': 'eda080',
  'a low surrogate': 'edbfbf',
  'a code point above 10ffff': 'f4908080',
  'a character of 5 bytes': 'f888808080',
  'the byte fe': 'fe',
  'the byte ff': 'ff',
  'a character of 2 bytes without its last': 'ce',
  'a character of 3 bytes without its last': 'e282',
  'a character of 4 bytes without its last': 'f09f98',
  'a character interrupted by another': 'e28241',
}

const utf8: Row[] = [
  ...Array.from(
    { length: characters.length + 1 },
    (_, i): Row => [
      `characters split at byte ${i}`,
      [part(text, characters.subarray(0, i)), part(continuation, characters.subarray(i), true), bye],
      [reply(text, characters), goodbye],
    ],
  ),
  ...Object.entries(invalidUtf8).flatMap(([title, hex]): Row[] => {
    const bytes = Buffer.from(hex, 'hex')
    const long = Buffer.concat([payloadOf(70_000), bytes])
    return [
      [`text with ${title}`, [frame(text, 'before'), frame(text, bytes)], [reply(text, 'before'), closed(1007)]],
      [`long text that ends with ${title}`, [frame(text, long), frame(text, 'after')], [closed(1007)]],
      [`a fragment with ${title}`, [part(text, 'x'), part(continuation, bytes, true)], [closed(1007)]],
      [`binary with ${title}`, [frame(binary, bytes), bye], [reply(binary, bytes), goodbye]],
    ]
  }),
]

const closes: Row[] = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map(
    (code): Row => [`close code ${code}`, [frame(close, closePayload(code, 'reason'))], [closed(code, 'reason')]],
  ),
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
    (code): Row => [`close code ${code}`, [frame(close, closePayload(code, 'reason'))], [closed(1002)]],
  ),
  ['a close without a code', [frame(close)], [reply(close)]],
  ['a close of one byte', [frame(close, 'x')], [closed(1002)]],
  [
    'a close with a reason of 123 bytes',
    [frame(close, closePayload(1000, payloadOf(123)))],
    [closed(1000, payloadOf(123))],
  ],
  ['a close of 126 bytes', [frame(close, closePayload(1000, payloadOf(124)))], [closed(1002)]],
  ['a reason that is not UTF-8', [frame(close, closePayload(1000, Uint8Array.of(0xff)))], [closed(1007)]],
]

const late: Row[] = [
  ['data after a close', [bye, frame(text, 'late'), frame(ping, 'late')], [goodbye]],
  ['a close after a close', [bye, frame(close, closePayload(3000))], [goodbye]],
]

const size = (header: string) => Buffer.concat([Buffer.from(header, 'hex'), Buffer.alloc(4)])

const limits: Row[] = [
  [
    'a frame of 1 MiB and a byte',
    [frame(text, 'before'), size('82ff0000000000100001')],
    [reply(text, 'before'), closed(1009)],
  ],
  [
    'fragments of 1 MiB and a byte together',
    [part(binary, payloadOf(2 ** 20)), part(continuation, 'x')],
    [closed(1009)],
  ],
  ['a length of 2^53', [size('82ff0020000000000000')], [closed(1009)]],
  ['a length with its top bit set', [size('82ff8000000000000000')], [closed(1009)]],
]

const tables = { messages, sequences, controls, reserved, fragments, utf8, closes, late, limits }

const compressed = (opcode: number, payload: Uint8Array, fin = true) => frame(opcode, deflate(payload), { rsv: 4, fin })

const takeovers = 'server_no_context_takeover; client_no_context_takeover'

/** Offers of permessage-deflate (RFC 7692, section 7.1), and the agreed parameters. */
const offers: [offer: string, agreed: string | undefined, serverBits?: number, clientBits?: number][] = [
  ['permessage-deflate', takeovers],
  ['permessage-deflate; client_max_window_bits', takeovers],
  ['permessage-deflate; server_no_context_takeover', takeovers],
  ['permessage-deflate; client_no_context_takeover; server_no_context_takeover', takeovers],
  ...[9, 10, 11, 12, 13, 14, 15].flatMap((bits): typeof offers => [
    [`permessage-deflate; server_max_window_bits=${bits}`, `server_max_window_bits=${bits}`, bits],
    [`permessage-deflate; client_max_window_bits=${bits}`, `client_max_window_bits=${bits}`, 15, bits],
  ]),
  ['permessage-deflate; server_max_window_bits=10, permessage-deflate', 'server_max_window_bits=10', 10],
  ['x-unknown, permessage-deflate', takeovers],
  ['x-unknown', undefined],
]

const parameters = (head: string) =>
  /^sec-websocket-extensions: permessage-deflate(.*)$/im
    .exec(head)?.[1]
    ?.split(';')
    .map(parameter => parameter.trim())
    .filter(parameter => parameter !== '')
    .sort()

async function expectFrames(client: RawClient, expected: Expected[]): Promise<void> {
  for (const { opcode, payload } of expected) {
    const got = await client.frame()
    expect({ ...got, payload: got.payload.toString('hex', 0, 100), length: got.payload.length }).toEqual({
      fin: true,
      rsv: 0,
      opcode,
      payload: payload.toString('hex', 0, 100),
      length: payload.length,
    })
    expect(got.payload.equals(payload)).toBe(true)
  }
}

async function expectRelayedFrames(client: RawClient, expected: Expected[]): Promise<void> {
  const aligned = alignRelayed(await framesUntilClose(client), expected)
  const show = ({ opcode, payload }: Expected) => `${opcode} ${payload.length} ${payload.toString('hex', 0, 100)}`
  expect(aligned.came.map(show)).toEqual(aligned.expected.map(show))
  expect(aligned.came.every(({ payload }, i) => aligned.expected[i]?.payload.equals(payload))).toBe(true)
}

const chop = (bytes: Buffer, length: number) =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) => bytes.subarray(i * length, (i + 1) * length))

/**
 * Defines the tests, frame by frame, that every endpoint which echoes verbatim must pass.
 * @param query is added to the address: one that changes nothing, or `?hello`, whose first message is skipped
 * @param isRelayed whether the echo is behind a relay
 */
export function describeFrames(name: string, url: () => string, query = '', isRelayed = false): void {
  const openRaw = async (headers?: Record<string, string>) => {
    const client = await connectRaw(url() + query, headers)
    if (query === '?hello') await client.frame()
    return client
  }

  describe(name, () => {
    for (const [table, rows] of Object.entries(tables)) {
      const cuts: Record<string, (bytes: Buffer) => Buffer[]> = {
        'at once': bytes => [bytes],
        'cut into pieces': bytes => chop(bytes, bytes.length < 5000 ? 1 : 997),
      }
      // Pieces that arrive after the end can make NGINX reset the connection, and the reset overtakes the close frame.
      if (rows === late) delete cuts['cut into pieces']
      describe.each(Object.entries(cuts))(`${table}, %s`, (_, cut) => {
        test.each(rows)('%s', async (_, sent, expected) => {
          const client = await openRaw()
          client.socket.setNoDelay()
          for (const piece of cut(Buffer.concat(sent))) client.socket.write(piece)
          if (isRelayed && expected.at(-1)?.opcode === close) await expectRelayedFrames(client, expected)
          else await expectFrames(client, expected)
          client.socket.end()
          expect(await client.end()).toHaveLength(0)
        })
      })
    }

    describe('permessage-deflate', () => {
      const open = (offer = 'permessage-deflate') => openRaw({ 'Sec-WebSocket-Extensions': offer })
      const payload = Buffer.from('compressible '.repeat(300))
      const bomb = deflate(Buffer.alloc(2 ** 26))

      test.each(offers)('the offer %s', async (offer, agreed, serverBits = 15, clientBits = 15) => {
        const client = await open(offer)
        if (agreed === undefined) return expect(client.head).not.toMatch(/sec-websocket-extensions/i)
        const all = new Set([...takeovers.split('; '), ...agreed.split('; ')])
        expect(parameters(client.head)).toEqual([...all].sort())

        for (let i = 0; i < 3; i++) {
          client.socket.write(frame(binary, deflate(payload, clientBits), { rsv: 4 }))
          const { rsv, opcode, payload: answer } = await client.frame()
          expect({ rsv, opcode }).toEqual({ rsv: 4, opcode: binary })
          expect(inflate(answer, serverBits).equals(payload)).toBe(true)
        }
      })

      test('compressed, plain, short and fragmented messages and pings are answered in order', async () => {
        const client = await open()
        const half = payload.length / 2
        const whole = deflate(payload)
        client.socket.write(
          Buffer.concat([
            compressed(text, payload),
            frame(text, 'short'),
            compressed(text, Buffer.from('short, compressed')),
            frame(ping, 'ping'),
            frame(binary, payload),
            frame(text, 'short again'),
            frame(binary, whole.subarray(0, 20), { rsv: 4, fin: false }),
            frame(ping, 'between'),
            frame(continuation, whole.subarray(20)),
            part(text, payload.subarray(0, half)),
            part(continuation, payload.subarray(half), true),
            frame(text, 'last'),
            bye,
          ]),
        )
        const answers = []
        for (let i = 0; i < 11; i++) {
          const { rsv, opcode, payload: answer } = await client.frame()
          answers.push([opcode, rsv === 4 ? inflate(answer).toString() : answer.toString(), rsv])
        }
        const long = payload.toString()
        expect(answers.filter(([opcode]) => opcode !== pong)).toEqual([
          [text, long, 4],
          [text, 'short', 0],
          [text, 'short, compressed', 0],
          [binary, long, 4],
          [text, 'short again', 0],
          [binary, long, 4],
          [text, long, 4],
          [text, 'last', 0],
          [close, closePayload(1000).toString(), 0],
        ])
        expect(answers.filter(([opcode]) => opcode === pong).map(([, answer]) => answer)).toEqual(['ping', 'between'])
      })

      test.each([
        ['a continuation with RSV1', [compressed(text, payload, false), frame(continuation, 'x', { rsv: 4 })], 1002],
        ['a ping with RSV1', [frame(ping, 'x', { rsv: 4 })], 1002],
        ['RSV2 beside RSV1', [frame(text, deflate(payload), { rsv: 6 })], 1002],
        ['an invalid deflate stream', [frame(binary, Uint8Array.of(255, 255, 255, 255), { rsv: 4 })], 1007],
        ['compressed text that is not UTF-8', [compressed(text, Buffer.alloc(2000, 255))], 1007],
        ['a bomb of 64 MiB in 64 KiB', [frame(binary, bomb, { rsv: 4 })], 1009],
        [
          'a bomb in fragments',
          [frame(binary, bomb.subarray(0, 99), { rsv: 4, fin: false }), part(continuation, bomb.subarray(99), true)],
          1009,
        ],
      ] as const)('%s', async (_, sent, code) => {
        const client = await open()
        client.socket.write(Buffer.concat(sent))
        await expectFrames(client, [closed(code)])
      })
    })
  })
}
