import { isUtf8 } from 'node:buffer'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { EchoSocket } from '../connection.ts'
import type { Server } from '../server.ts'
import type { Journal } from './journal.ts'
import type { Metrics } from './metrics.ts'
import * as schemas from './schemas.ts'

export type RoutesOptions = {
  server: Server
  /** `undefined` when nothing is kept. */
  journal: Journal | undefined
  metrics: Metrics
  /** Whether faults can be asked for at all. */
  faults: boolean
  /** Bytes that a body may have. */
  maxPayload: number
}

type Schema = z.ZodObject | z.ZodType

type Route<Params extends Schema, Query extends Schema, Body extends Schema, Answer extends Schema> = {
  summary: string
  params?: Params
  query?: Query
  /** Read as JSON. */
  body?: Body
  /** A body that is pushed as it is. */
  takesMessage?: boolean
  answer: Answer
  /** By status, when it can't be done. */
  failures?: Record<number, string>
}

type Input<Params, Query, Body> = {
  params: z.output<Params>
  query: z.output<Query>
  body: z.output<Body>
  context: Context
}

const fail = (status: ContentfulStatusCode, message: string): never => {
  throw new HTTPException(status, { message })
}

const json = (schema: Schema, description: string) => ({ description, content: { 'application/json': { schema } } })

const NO_SUCH = { 404: 'there is no such connection' }
const counts = <N extends string>(...names: N[]) =>
  z.object(Object.fromEntries(names.map(name => [name, z.int()])) as Record<N, z.ZodInt>)

/** All that the control port answers, each route with the schema that checks its input and describes it. */
export function createRoutes({ server, journal, metrics, faults, maxPayload }: RoutesOptions): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook(result, context) {
      if (result.success) return undefined
      const problems = result.error.issues.map(({ path, message }) => [...path, message].join(': '))
      return context.json({ error: problems.join('\n') }, 400)
    },
  })
  app.onError((error, context) => {
    if (!(error instanceof HTTPException)) return context.json({ error: error.message }, 500)
    if (error.status !== 415) return context.json({ error: error.message }, error.status)
    return context.json({ error: 'Content-Type: expected application/json' }, 400)
  })
  app.notFound(context => context.json({ error: 'no such route: GET /openapi.json describes them all' }, 404))
  app.on(
    ['POST', 'PUT'],
    '*',
    bodyLimit({ maxSize: maxPayload, onError: () => fail(413, `expected at most ${maxPayload} bytes`) }),
  )

  function on<
    Params extends Schema = typeof schemas.nothing,
    Query extends Schema = typeof schemas.nothing,
    Body extends Schema = typeof schemas.nothing,
    Answer extends Schema = Schema,
  >(
    method: 'get' | 'put' | 'post' | 'delete',
    path: string,
    { summary, params, query, body, takesMessage, answer, failures = {} }: Route<Params, Query, Body, Answer>,
    handle: (input: Input<Params, Query, Body>) => z.input<Answer> | Promise<z.input<Answer>>,
  ) {
    const errors = Object.entries({ 400: 'what is wrong with the request', ...failures })
    const route = createRoute({
      method,
      path,
      summary,
      request: {
        ...(params && { params: params as z.ZodObject }),
        query: (query ?? schemas.nothing) as z.ZodObject,
        ...(body && { body: { required: true, content: { 'application/json': { schema: body } } } }),
        ...(takesMessage && { body: schemas.message }),
      },
      responses: {
        200: json(answer, 'done'),
        ...Object.fromEntries(errors.map(([status, text]) => [status, json(schemas.error, text)])),
      },
    })
    app.openapi(route, (async (context: Context) => {
      const valid = (target: string) => context.req.valid(target as never)
      const input = { params: valid('param'), query: valid('query'), body: body && valid('json'), context }
      return context.json(await handle(input as unknown as Input<Params, Query, Body>))
    }) as never)
  }

  const find = (id: number) =>
    [...server.connections].find(ws => ws.id === id) ?? fail(404, `there is no connection ${id}`)

  on(
    'get',
    '/connections',
    {
      summary: 'All open connections, in the order they opened',
      answer: z.object({ connections: z.array(schemas.connection) }),
    },
    () => ({ connections: [...server.connections].map(describe) }),
  )

  on(
    'get',
    '/connections/{id}',
    {
      summary: 'One open connection',
      params: schemas.byId,
      answer: schemas.connection,
      failures: NO_SUCH,
    },
    ({ params }) => describe(find(params.id)),
  )

  on(
    'delete',
    '/connections',
    {
      summary: 'Closes all connections, or drops them',
      query: schemas.ending,
      answer: counts('closed'),
    },
    ({ query }) => {
      const all = [...server.connections]
      for (const ws of all) end(ws, query)
      return { closed: all.length }
    },
  )

  on(
    'delete',
    '/connections/{id}',
    {
      summary: 'Closes one connection, or drops it',
      params: schemas.byId,
      query: schemas.ending,
      answer: counts('closed'),
      failures: NO_SUCH,
    },
    ({ params, query }) => {
      end(find(params.id), query)
      return { closed: 1 }
    },
  )

  on(
    'post',
    '/messages',
    {
      summary: 'Pushes a message to all connections; those that do not read are skipped',
      takesMessage: true,
      answer: counts('sent', 'skipped'),
    },
    async ({ context }) => {
      const { payload, isBinary } = await messageOf(context)
      const done = [...server.connections].map(ws => ws.push(payload, isBinary))
      const sent = done.filter(Boolean).length
      return { sent, skipped: done.length - sent }
    },
  )

  on(
    'post',
    '/connections/{id}/messages',
    {
      summary: 'Pushes a message to one connection',
      params: schemas.byId,
      takesMessage: true,
      answer: counts('sent'),
      failures: { ...NO_SUCH, 409: 'it does not read, or is about to end' },
    },
    async ({ params, context }) => {
      const { payload, isBinary } = await messageOf(context)
      if (!find(params.id).push(payload, isBinary))
        fail(409, `connection ${params.id} doesn't read, or is about to end`)
      return { sent: 1 }
    },
  )

  const kept = (): Journal => journal ?? fail(409, 'nothing is kept: set JOURNAL_SIZE')
  const NOTHING_KEPT = { 409: 'nothing is kept' }

  on(
    'get',
    '/messages',
    {
      summary: 'What the server received, the newest last',
      query: schemas.journalQuery,
      answer: schemas.journal,
      failures: NOTHING_KEPT,
    },
    ({ query }) => ({ dropped: kept().dropped, messages: kept().entries(query.connection) }),
  )

  on(
    'delete',
    '/messages',
    {
      summary: 'Forgets what the server received',
      answer: schemas.empty,
      failures: NOTHING_KEPT,
    },
    () => {
      kept().clear()
      return {}
    },
  )

  const NO_FAULTS = { 409: 'NO_FAULTS=1' }
  const allowFaults = () => faults || fail(409, 'faults are off: NO_FAULTS=1')

  on('get', '/faults', { summary: 'The faults of new connections', answer: schemas.faults }, () => server.defaultFaults)

  on(
    'put',
    '/faults',
    {
      summary: 'Sets the faults of new connections, by the names of the query, which wins where it has the same',
      body: schemas.faults,
      answer: schemas.faults,
      failures: NO_FAULTS,
    },
    ({ body }) => {
      allowFaults()
      server.defaultFaults = body
      return body
    },
  )

  on('delete', '/faults', { summary: 'Clears them', answer: schemas.empty, failures: NO_FAULTS }, () => {
    allowFaults()
    server.defaultFaults = {}
    return {}
  })

  on('get', '/healthz', { summary: 'Whether it is alive', answer: schemas.status }, () => ({ status: 'ok' }))

  on(
    'get',
    '/readyz',
    {
      summary: 'Whether it takes connections',
      answer: schemas.status,
      failures: { 503: 'it is closing' },
    },
    () => (server.isClosing ? fail(503, 'closing') : { status: 'ok' }),
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/metrics',
      summary: 'Figures for Prometheus',
      responses: { 200: { description: 'done', content: { 'text/plain': { schema: z.string() } } } },
    }),
    async context => context.text(await metrics.read(), 200, { 'Content-Type': metrics.contentType }),
  )

  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'WebSocket echo: control', version: '1' } })
  return app
}

function end(ws: EchoSocket, { code = 1000, reason = '', drop }: z.output<typeof schemas.ending>): void {
  if (drop) ws.drop(drop)
  else ws.dismiss(code, reason)
}

/** A body that is to be pushed: text or binary by its content type. */
async function messageOf({ req }: Context): Promise<{ payload: Buffer; isBinary: boolean }> {
  const type = req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const isBinary = type === 'application/octet-stream'
  if (!isBinary && !type.startsWith('text/') && type !== 'application/json') {
    fail(400, 'Content-Type: expected text/plain, application/json or application/octet-stream')
  }
  const payload = Buffer.from(await req.arrayBuffer())
  if (!isBinary && !isUtf8(payload)) fail(400, 'body: expected UTF-8')
  return { payload, isBinary }
}

function describe(ws: EchoSocket): z.input<typeof schemas.connection> {
  const { id, observation, traffic, bytes, unsent, protocol, extensions } = ws
  const { peer, openedAt = 0, roundTrip } = observation ?? {}
  const [path = '', query = ''] = peer?.target.split(/\?(.*)/s) ?? []
  return {
    id,
    remoteAddress: peer?.address ?? '',
    path,
    query,
    subprotocol: protocol || null,
    extensions: extensions || null,
    faults: peer?.faults ?? null,
    openSince: new Date(performance.timeOrigin + openedAt).toISOString(),
    ...traffic,
    bytesRead: bytes.read,
    bytesWritten: bytes.written,
    bufferedBytes: unsent,
    pingRoundTrip: roundTrip ?? null,
  }
}
