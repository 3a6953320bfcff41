import { z } from '@hono/zod-openapi'
import { closeCode, FaultsError, names, parseFaults, reason, type Written } from '../faults/faults.ts'
import { type Parser, Unexpected } from '../values.ts'

/** A text that one of our parsers reads. */
const parsed = <T>(parse: Parser<T>) =>
  z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error
      context.addIssue({ code: 'custom', message: `expected ${error.message}` })
      return z.NEVER
    }
  })

const id = z
  .string()
  .regex(/^\d{1,15}$/, 'expected the id of a connection')
  .transform(Number)
  .openapi({ type: 'integer', example: 1 })

export const byId = z.strictObject({ id })

export const nothing = z.strictObject({})

export const empty = z.object({})

/** A body that is pushed as it is. */
export const message = {
  required: true,
  content: {
    'text/plain': { schema: z.string() },
    'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) },
  },
}

export const ending = z
  .strictObject({
    code: parsed(closeCode).optional().openapi({ type: 'integer', default: 1000, example: 4000 }),
    reason: parsed(reason).optional().openapi({ type: 'string', description: 'at most 123 bytes' }),
    drop: z.enum(['fin', 'rst']).optional().openapi({ description: 'ends without a close frame' }),
  })
  .refine(({ code, reason, drop }) => drop === undefined || (code === undefined && reason === undefined), {
    message: 'expected code and reason, or drop',
  })

const written = z.union([z.string(), z.number(), z.literal(true)])

/** Faults by the names of the query, `true` for those without a value. */
export const faults = z
  .strictObject(Object.fromEntries(names.map(name => [name, written.optional()])))
  .transform((values, context): Written => {
    const faults: Written = {}
    for (const name of names) {
      const value = values[name]
      if (value !== undefined) faults[name] = value === true ? '' : String(value)
    }
    try {
      parseFaults('', faults)
    } catch (error) {
      if (!(error instanceof FaultsError)) throw error
      for (const message of error.message.split('\n')) context.addIssue({ code: 'custom', message })
    }
    return faults
  })
  .openapi('Faults', { type: 'object', example: { delay: '250ms', loss: 0.1, hello: true } })

const tally = z.object({ texts: z.int(), textBytes: z.int(), binaries: z.int(), binaryBytes: z.int() })

export const connection = z
  .object({
    id: z.int(),
    remoteAddress: z.string(),
    path: z.string(),
    query: z.string(),
    subprotocol: z.string().nullable(),
    extensions: z.string().nullable(),
    faults: z.string().nullable().openapi({ description: 'the query, or "by default"' }),
    openSince: z.iso.datetime(),
    received: tally,
    sent: tally,
    bytesRead: z.int().openapi({ description: 'with all that is around messages' }),
    bytesWritten: z.int(),
    bufferedBytes: z.int(),
    pingRoundTrip: z.number().nullable().openapi({ description: 'milliseconds, of the last ping' }),
  })
  .openapi('Connection')

export const journalQuery = z.strictObject({ connection: id.optional() })

export const journal = z
  .object({
    dropped: z.int().openapi({ description: 'how many older ones there was no room for' }),
    messages: z.array(
      z.object({
        time: z.iso.datetime(),
        connection: z.int(),
        opcode: z.enum(['text', 'binary', 'ping', 'close']),
        bytes: z.int(),
        text: z.string().optional().openapi({ description: 'of a text, or the reason of a close' }),
        base64: z.string().optional().openapi({ description: 'of any other' }),
        code: z.int().optional().openapi({ description: 'of a close; 1005: none, 1006: no close frame' }),
      }),
    ),
  })
  .openapi('Journal')

export const error = z.object({ error: z.string() }).openapi('Error')

export const status = z.object({ status: z.string() })
