import { z } from '@hono/zod-openapi'
import { Unexpected } from '../config/values.ts'
import { closeCode, closeReason } from '../faults/close-code.ts'
import { name } from '../faults/name.ts'
import { type Parameter, withoutLinks } from '../faults/parameter.ts'
import { MAX_PROBLEMS, parameters, type Written } from '../faults/parameters.ts'
import { printable } from '../log.ts'

/** Lets a schema use one of our parsers and report its errors as issues. */
const by =
  <I, O>(parse: (value: I) => O) =>
  (value: I, context: z.RefinementCtx): O => {
    try {
      return parse(value)
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error
      context.addIssue({ code: 'custom', message: `expected ${error.message}` })
      return z.NEVER
    }
  }

const id = z
  .string()
  .regex(/^\d{1,15}$/, 'expected the id of a connection')
  .transform(Number)
  .openapi({ type: 'integer', example: 1 })

export const byId = z.strictObject({ id })
export const nothing = z.strictObject({})

const test = z
  .string()
  .transform(by(name))
  .optional()
  .openapi({ type: 'string', example: 'login', description: 'The test, as in X-Test-Id or test-id' })
export const ofTest = z.strictObject({ for: test })

export const empty = z.object({})
export const error = z.object({ error: z.string() }).openapi('Error')
export const status = z.object({ status: z.string() })

/** A body that is sent unchanged as a message. */
export const message = {
  required: true,
  content: {
    'text/plain': { schema: z.string() },
    'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) },
  },
}
export const sent = z.object({ sent: z.int() })
export const pushed = z.object({
  sent: z.int(),
  skipped: z.int().describe('Connections that do not read, or are closing'),
})

const end = {
  code: z.string().transform(by(closeCode)).optional().openapi({ type: 'integer', default: 1000, example: 4000 }),
  reason: z
    .string()
    .transform(by(closeReason))
    .optional()
    .openapi({ type: 'string', description: 'At most 123 bytes of UTF-8' }),
  drop: z.enum(['fin', 'rst']).optional().describe('Ends the TCP connection without a close frame'),
}
const isOneEnd = ({ code, reason, drop }: { [N in keyof typeof end]?: unknown }) =>
  drop === undefined || (code === undefined && reason === undefined)
const ONE_END = { message: 'use either code and reason, or drop' }

export const ending = z.strictObject(end).refine(isOneEnd, ONE_END)
export const endingOfTest = z.strictObject({ ...end, for: test }).refine(isOneEnd, ONE_END)
export const closed = z.object({ closed: z.int().describe('Number of connections that were open') })

const NAMES = parameters.map(({ name }) => name)

const single = z
  .union([z.string(), z.number(), z.literal(true)], { error: 'expected a string, a number or true' })
  .transform(value => (value === true ? '' : `${value}`))
const STRINGS = { error: 'expected a string, or an array of strings' }
const several = z.union([z.array(z.string()).min(1, STRINGS), single], STRINGS)

const isUnknown = (issue: { code?: string; keys?: unknown }): issue is { keys: string[] } =>
  issue.code === 'unrecognized_keys'

/** Describes a parameter. The transformation hides its schema from the generator of the description. */
function describeParameter({ sentence, values = {}, example, most }: Parameter) {
  const lines = Object.entries(values).map(([value, sentence]) => `\`${value}\`: ${sentence}`)
  const types = [{ type: 'string' as const }, { type: 'number' as const }, { type: 'boolean' as const, enum: [true] }]
  const lists =
    most === undefined
      ? []
      : [{ type: 'array' as const, items: { type: 'string' as const }, minItems: 1, maxItems: most }]
  return {
    description: withoutLinks([sentence, ...lines].join('\n')),
    oneOf: [...types, ...lists],
    example: example === '' ? true : example,
  }
}

/** The faults of a connection. `true` means that a fault has no value. */
export const faultsToSet = z
  .strictObject(
    Object.fromEntries(
      parameters.map(({ name, most }) => [name, (most === undefined ? single : several).exactOptional()]),
    ),
    {
      error: issue =>
        isUnknown(issue)
          ? `"${issue.keys.map(printable).join('", "')}" is unknown: expected ${NAMES.join(', ')}`
          : undefined,
    },
  )
  .transform((faults): Written => faults)
  .describe('Named as in a query. The query of a connection takes precedence.')
  .openapi('Faults', {
    type: 'object',
    properties: Object.fromEntries(parameters.map(parameter => [parameter.name, describeParameter(parameter)])),
    additionalProperties: false,
    example: { delay: '250ms', loss: 0.1, hello: true },
  })

const FAULTS = { $ref: '#/components/schemas/Faults' }
const EXPECTED = 'expected an object of faults, or an array of 1 to 1000 such objects'
const sequence = z.array(faultsToSet, EXPECTED).min(1, EXPECTED).max(1000, EXPECTED)

export const faults = {
  required: true,
  content: {
    'application/json': {
      schema: z
        .unknown()
        .transform((value, context) => {
          const result = Array.isArray(value) ? sequence.safeParse(value) : faultsToSet.safeParse(value)
          if (result.success) return Array.isArray(result.data) ? result.data : [result.data]
          for (const { path, message } of result.error.issues.slice(0, MAX_PROBLEMS)) {
            const [at, ...names] = path
            const position = typeof at === 'number' ? [`faults ${at + 1}`, ...names] : path
            context.addIssue({ code: 'custom', path: position, message })
          }
          return z.NEVER
        })
        .openapi({ oneOf: [FAULTS, { type: 'array', items: FAULTS, minItems: 1, maxItems: 1000 }] }),
    },
  },
}

const written = z.record(z.string(), z.union([z.string(), z.array(z.string())]))

/** The default faults as they were set. */
export const defaults = z.union([written, z.array(written)])

export const keys = z.object({
  keys: z.array(
    z.object({
      key: z.string().describe('The key, or the address of the connections without one'),
      query: z.string(),
      times: z.int(),
      used: z.int().describe('Connections that had the faults'),
    }),
  ),
})

const tally = z.object({ texts: z.int(), textBytes: z.int(), binaries: z.int(), binaryBytes: z.int() })

/** The state of a WebSocket, which the server may also have opened to a backend. */
const link = {
  subprotocol: z.string().nullable(),
  extensions: z.string().nullable(),
  received: tally,
  sent: tally,
  bytesRead: z.int().describe('All bytes from the socket, including frame headers and the handshake'),
  bytesWritten: z.int(),
  bufferedBytes: z.int().describe('Memory of the bytes that wait to be sent'),
  pingRoundTrip: z.number().nullable().describe('Milliseconds from the last ping to its pong'),
}

const upstream = z
  .object({
    address: z.string(),
    isOpen: z.boolean().describe('Whether messages can be sent to it'),
    ...link,
  })
  .nullable()
  .describe('The connection to the backend, if there is one')
  .openapi('Upstream')

export const connection = z
  .object({
    id: z.int(),
    protocol: z.enum(['websocket', 'socket.io', 'signalr']),
    remoteAddress: z.string(),
    path: z.string(),
    query: z.string(),
    faults: z.string().nullable().describe('The query, or "by default"'),
    testId: z.string().nullable().describe('The test to which the connection belongs'),
    openSince: z.iso.datetime(),
    ...link,
    upstream,
  })
  .openapi('Connection')
export const connections = z.object({ connections: z.array(connection) })

export const journalQuery = z.strictObject({ connection: id.optional(), for: test })

export const entry = z.object({
  time: z.iso.datetime(),
  connection: z.int(),
  testId: z.string().optional(),
  from: z.enum(['backend']).optional().describe('Missing if the client sent it'),
  opcode: z.enum(['text', 'binary', 'ping', 'close']),
  bytes: z.int(),
  text: z.string().optional().describe('The content of a text message, or the reason of a close frame'),
  base64: z.string().optional().describe('The payload of any other message'),
  code: z
    .int()
    .optional()
    .describe('The close code. 1005 means a close frame without a code, 1006 means no close frame.'),
})

export const faultEntry = z.object({
  time: z.iso.datetime(),
  connection: z.int().nullable().describe('null if the fault affected the handshake'),
  testId: z.string().optional(),
  address: z.string(),
  fault: z.string().describe('The parameter as it was written'),
})

export const journal = z
  .object({
    dropped: z.int().describe('Number of older entries that were dropped to make room'),
    messages: z.array(entry),
    faults: z.array(faultEntry),
  })
  .openapi('Journal')
