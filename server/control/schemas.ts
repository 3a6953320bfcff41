import { z } from '@hono/zod-openapi'
import { Unexpected } from '../config/values.ts'
import { closeCode, FaultsError, names, parseFaults, reason, type Written } from '../faults/parameters.ts'
import { printable } from '../log.ts'

/** Lets a schema use one of our parsers and report its errors as issues. */
const by =
  <I, O>(parse: (value: I) => O) =>
  (value: I, context: z.RefinementCtx): O => {
    try {
      return parse(value)
    } catch (error) {
      if (!(error instanceof Unexpected || error instanceof FaultsError)) throw error
      const message = error instanceof Unexpected ? `expected ${error.message}` : error.message
      context.addIssue({ code: 'custom', message })
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

export const ending = z
  .strictObject({
    code: z.string().transform(by(closeCode)).optional().openapi({ type: 'integer', default: 1000, example: 4000 }),
    reason: z
      .string()
      .transform(by(reason))
      .optional()
      .openapi({ type: 'string', description: 'At most 123 bytes of UTF-8' }),
    drop: z.enum(['fin', 'rst']).optional().describe('Ends the TCP connection without a close frame'),
  })
  .refine(({ code, reason, drop }) => drop === undefined || (code === undefined && reason === undefined), {
    message: 'use either code and reason, or drop',
  })
export const closed = z.object({ closed: z.int().describe('Number of connections that were open') })

const fault = z
  .union([z.string(), z.number(), z.literal(true)], { error: 'expected a string, a number or true' })
  .transform(value => (value === true ? '' : `${value}`))

const isUnknown = (issue: { code?: string; keys?: unknown }): issue is { keys: string[] } =>
  issue.code === 'unrecognized_keys'

// The transformation hides the properties from the generator of the description.
const VALUES = [{ type: 'string' as const }, { type: 'number' as const }, { type: 'boolean' as const, enum: [true] }]

/** A value of a fault. `true` means that the fault has no value. */
const faultsToSet = z
  .strictObject(Object.fromEntries(names.map(name => [name, fault.exactOptional()])), {
    error: issue =>
      isUnknown(issue)
        ? `"${issue.keys.map(printable).join('", "')}" is unknown: expected ${names.join(', ')}`
        : undefined,
  })
  .transform(
    by((faults: Written) => {
      parseFaults('', faults)
      return faults
    }),
  )
  .describe('Named as in a query. The query of a connection takes precedence.')
  .openapi('Faults', {
    type: 'object',
    properties: Object.fromEntries(names.map(name => [name, { oneOf: VALUES }])),
    additionalProperties: false,
    example: { delay: '250ms', loss: 0.1, hello: true },
  })

export const faults = { required: true, content: { 'application/json': { schema: faultsToSet } } }

/** The faults in effect. */
export const written = z.partialRecord(z.enum(names), z.string())

const tally = z.object({ texts: z.int(), textBytes: z.int(), binaries: z.int(), binaryBytes: z.int() })

export const connection = z
  .object({
    id: z.int(),
    remoteAddress: z.string(),
    path: z.string(),
    query: z.string(),
    subprotocol: z.string().nullable(),
    extensions: z.string().nullable(),
    faults: z.string().nullable().describe('The query, or "by default"'),
    openSince: z.iso.datetime(),
    received: tally,
    sent: tally,
    bytesRead: z.int().describe('All bytes from the socket, including frame headers and the handshake'),
    bytesWritten: z.int(),
    bufferedBytes: z.int().describe('Memory of the bytes that wait to be sent'),
    pingRoundTrip: z.number().nullable().describe('Milliseconds from the last ping to its pong'),
  })
  .openapi('Connection')
export const connections = z.object({ connections: z.array(connection) })

export const journalQuery = z.strictObject({ connection: id.optional() })

export const entry = z.object({
  time: z.iso.datetime(),
  connection: z.int(),
  opcode: z.enum(['text', 'binary', 'ping', 'close']),
  bytes: z.int(),
  text: z.string().optional().describe('The content of a text message, or the reason of a close frame'),
  base64: z.string().optional().describe('The payload of any other message'),
  code: z
    .int()
    .optional()
    .describe('The close code. 1005 means a close frame without a code, 1006 means no close frame.'),
})

export const journal = z
  .object({
    dropped: z.int().describe('Number of older messages that were dropped to make room'),
    messages: z.array(entry),
  })
  .openapi('Journal')
