import { z } from '@hono/zod-openapi'
import { Unexpected } from '../config/values.ts'
import { closeCode, FaultsError, names, parseFaults, reason, type Written } from '../faults/parameters.ts'

/** Lets a schema transform its value by one of our parsers, whose complaint becomes an issue. */
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

/** A body that is pushed as it is. */
export const message = {
  required: true,
  content: {
    'text/plain': { schema: z.string() },
    'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) },
  },
}
export const sent = z.object({ sent: z.int() })
export const pushed = z.object({ sent: z.int(), skipped: z.int().describe('do not read, or are about to end') })

export const ending = z
  .strictObject({
    code: z.string().transform(by(closeCode)).optional().openapi({ type: 'integer', default: 1000, example: 4000 }),
    reason: z.string().transform(by(reason)).optional().openapi({ type: 'string', description: 'at most 123 bytes' }),
    drop: z.enum(['fin', 'rst']).optional().describe('ends without a close frame'),
  })
  .refine(({ code, reason, drop }) => drop === undefined || (code === undefined && reason === undefined), {
    message: 'expected code and reason, or drop',
  })
export const closed = z.object({ closed: z.int().describe('how many were open until now') })

const fault = z.union([z.string(), z.number(), z.literal(true)]).transform(value => (value === true ? '' : `${value}`))

/** `true` stands for a name without a value. */
const faultsToSet = z
  .strictObject(Object.fromEntries(names.map(name => [name, fault.exactOptional()])))
  .transform(
    by((faults: Written) => {
      parseFaults('', faults)
      return faults
    }),
  )
  .describe('by the names of the query, which wins')
  .openapi('Faults', { type: 'object', example: { delay: '250ms', loss: 0.1, hello: true } })

export const faults = { required: true, content: { 'application/json': { schema: faultsToSet } } }

/** Faults as they are kept. */
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
    faults: z.string().nullable().describe('the query, or "by default"'),
    openSince: z.iso.datetime(),
    received: tally,
    sent: tally,
    bytesRead: z.int().describe('with all that is around messages'),
    bytesWritten: z.int(),
    bufferedBytes: z.int().describe('waiting to be sent, at what they cost in memory'),
    pingRoundTrip: z.number().nullable().describe('milliseconds, of the last ping'),
  })
  .openapi('Connection')
export const connections = z.object({ connections: z.array(connection) })

export const journalQuery = z.strictObject({ connection: id.optional() })

export const entry = z.object({
  time: z.iso.datetime(),
  connection: z.int(),
  opcode: z.enum(['text', 'binary', 'ping', 'close']),
  bytes: z.int(),
  text: z.string().optional().describe('of a text, or the reason of a close'),
  base64: z.string().optional().describe('of any other'),
  code: z.int().optional().describe('of a close; 1005: none, 1006: no close frame'),
})

export const journal = z
  .object({
    dropped: z.int().describe('how many older ones there was no room for'),
    messages: z.array(entry),
  })
  .openapi('Journal')
