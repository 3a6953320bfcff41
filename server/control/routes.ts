import { isUtf8 } from 'node:buffer'
import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'
import type { HonoRequest } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { Config } from '../config/config.ts'
import type { Message } from '../connection/behaviour.ts'
import type { Session } from '../connection/session.ts'
import { FaultsError } from '../faults/parameters.ts'
import type { Registry } from '../http/registry.ts'
import type { Journal } from './journal.ts'
import type { Metrics } from './metrics.ts'
import * as schemas from './schemas.ts'

export type RoutesOptions = Pick<Config, 'faults' | 'maxPayload'> & {
  registry: Registry
  /** `undefined` if there is no journal. */
  journal: Journal | undefined
  metrics: Pick<Metrics, 'contentType' | 'read'>
}

const fail = (status: 400 | 404 | 409 | 413 | 503, message: string): never => {
  throw new HTTPException(status, { message })
}

const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

type RouteRequest = NonNullable<RouteConfig['request']>

/** Describes a route: its request, the schema of its answer, and what each error status means. */
const route = <M extends RouteConfig['method'], P extends string, T extends RouteRequest, S extends z.ZodType>(
  method: M,
  path: P,
  summary: string,
  request: T,
  schema: S,
  failures: Record<number, string> = {},
) => {
  const all = Object.entries({ 400: 'The request is invalid', 403: 'The Origin or Host is not allowed', ...failures })
  const errors = Object.fromEntries(all.map(([status, meaning]) => [status, json(schemas.error, meaning)]))
  const responses = { ...errors, 200: json(schema, 'Success') }
  return createRoute({ operationId: operationIdOf(method, path), method, path, summary, request, responses })
}

/** Returns the name that generated clients give a route, such as `deleteConnectionsById`. */
const operationIdOf = (method: string, path: string) =>
  method + path.replace('{id}', 'by-id').replace(/[/-](\w)/g, (_, letter: string) => letter.toUpperCase())

// For routes without parameters, so that any parameter is an error.
const query = schemas.nothing
const params = schemas.byId
const endAll = { query: schemas.endingOfTest }
const endOne = { params, query: schemas.ending }
const pushAll = { query: schemas.ofTest, body: schemas.message }
const pushOne = { params, query, body: schemas.message }
const ofTest = { query: schemas.ofTest }
const setFaults = { query: schemas.ofTest, body: schemas.faults }
const journalOf = { query: schemas.journalQuery }

const NOT_FOUND = { 404: 'No open connection has this id' }
const NOT_SENT = { ...NOT_FOUND, 409: 'The connection does not read, or is closing' }
const NO_JOURNAL = { 409: 'The journal is off (JOURNAL_SIZE=0)' }
const FAULTS_OFF = { 409: 'Faults are off (NO_FAULTS=1)' }
const CLOSING = { 503: 'The server is shutting down' }

/** Creates the routes of the control port. Their schemas validate requests and generate `GET /openapi.json`. */
export function createRoutes({ registry, journal, metrics, faults, maxPayload }: RoutesOptions): OpenAPIHono {
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
  app.notFound(context => context.json({ error: 'no such route: GET /openapi.json describes all routes' }, 404))

  const onError = () => fail(413, `expected at most ${maxPayload} bytes`)
  app.on(['POST', 'PUT'], '*', bodyLimit({ maxSize: maxPayload, onError }))

  const find = (id: number) =>
    [...registry].find(connection => connection.id === id) ?? fail(404, `there is no connection ${id}`)
  /** Returns the open connections of one test or of all, oldest first. */
  const connectionsOf = (test: string | undefined) =>
    [...registry].filter(({ testId }) => test === undefined || testId === test)
  const requireJournal = () => journal ?? fail(409, 'the journal is off: set JOURNAL_SIZE')
  const allowFaults = () => faults || fail(409, 'faults are off: NO_FAULTS is 1')

  app.openapi(
    route('get', '/connections', 'Lists the open connections, oldest first', ofTest, schemas.connections),
    context => context.json({ connections: connectionsOf(context.req.valid('query').for).map(describe) }, 200),
  )
  app.openapi(
    route('get', '/connections/{id}', 'Returns one open connection', { params, query }, schemas.connection, NOT_FOUND),
    context => context.json(describe(find(context.req.valid('param').id)), 200),
  )
  app.openapi(route('delete', '/connections', 'Closes or drops all connections', endAll, schemas.closed), context => {
    const ending = context.req.valid('query')
    const closed = connectionsOf(ending.for).filter(connection => end(connection, ending))
    return context.json({ closed: closed.length }, 200)
  })
  app.openapi(
    route('delete', '/connections/{id}', 'Closes or drops one connection', endOne, schemas.closed, NOT_FOUND),
    context => {
      const connection = find(context.req.valid('param').id)
      return context.json({ closed: end(connection, context.req.valid('query')) ? 1 : 0 }, 200)
    },
  )

  app.openapi(
    route('post', '/messages', 'Sends a message to every connection that reads', pushAll, schemas.pushed),
    async context => {
      const message = await messageOf(context.req)
      const outcomes = connectionsOf(context.req.valid('query').for).map(connection => connection.push(message))
      const sent = outcomes.filter(Boolean).length
      return context.json({ sent, skipped: outcomes.length - sent }, 200)
    },
  )
  app.openapi(
    route('post', '/connections/{id}/messages', 'Sends a message to one connection', pushOne, schemas.sent, NOT_SENT),
    async context => {
      const { id } = context.req.valid('param')
      const message = await messageOf(context.req)
      if (!find(id).push(message)) fail(409, `connection ${id} does not read, or is closing`)
      return context.json({ sent: 1 }, 200)
    },
  )

  app.openapi(
    route(
      'get',
      '/messages',
      'Lists the messages that the server received and the faults that took effect, oldest first',
      journalOf,
      schemas.journal,
      NO_JOURNAL,
    ),
    context => context.json(requireJournal().read(context.req.valid('query')), 200),
  )
  app.openapi(route('delete', '/messages', 'Clears the journal', journalOf, schemas.empty, NO_JOURNAL), context => {
    requireJournal().clear(context.req.valid('query'))
    return context.json({}, 200)
  })

  const defaultsOf = (test: string | undefined) => {
    const faults = registry.plan.get(test)
    return faults.length > 1 ? faults : (faults[0] ?? {})
  }
  app.openapi(
    route('get', '/faults', 'Returns the default faults of new connections', ofTest, schemas.defaults),
    context => context.json(defaultsOf(context.req.valid('query').for), 200),
  )
  app.openapi(
    route('put', '/faults', 'Sets the default faults of new connections', setFaults, schemas.defaults, FAULTS_OFF),
    context => {
      allowFaults()
      const { for: test } = context.req.valid('query')
      try {
        registry.plan.set(context.req.valid('json'), test)
      } catch (error) {
        if (!(error instanceof FaultsError)) throw error
        fail(400, error.message)
      }
      return context.json(defaultsOf(test), 200)
    },
  )
  app.openapi(
    route('delete', '/faults', 'Clears the default faults of new connections', ofTest, schemas.empty, FAULTS_OFF),
    context => {
      allowFaults()
      registry.plan.clear(context.req.valid('query').for)
      return context.json({}, 200)
    },
  )

  app.openapi(
    route('get', '/keys', 'Lists the connections that were counted for times', { query }, schemas.keys),
    context => context.json({ keys: registry.plan.counts() }, 200),
  )
  app.openapi(route('delete', '/keys', 'Forgets all counts for times', { query }, schemas.empty), context => {
    registry.plan.clearCounts()
    return context.json({}, 200)
  })

  app.openapi(route('get', '/healthz', 'Answers while the server is alive', { query }, schemas.status), context =>
    context.json({ status: 'ok' }, 200),
  )
  app.openapi(
    route('get', '/readyz', 'Answers 200 while the server accepts connections', { query }, schemas.status, CLOSING),
    context => context.json({ status: registry.isClosing ? fail(503, 'the server is shutting down') : 'ok' }, 200),
  )
  app.openapi(
    createRoute({
      operationId: 'getMetrics',
      method: 'get',
      path: '/metrics',
      summary: 'Returns metrics in the text format of Prometheus',
      responses: { 200: { description: 'Success', content: { 'text/plain': { schema: z.string() } } } },
    }),
    async context => context.text(await metrics.read(), 200, { 'Content-Type': metrics.contentType }),
  )

  app.openAPIRegistry.register('Faults', schemas.faultsToSet)
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'WebSocket echo server: control port', version: '1' } })
  return app
}

/** @returns whether the connection was open before */
function end(connection: Session, { code = 1000, reason = '', drop }: z.output<typeof schemas.ending>): boolean {
  return drop ? connection.drop(drop) : connection.dismiss(code, reason)
}

/** Reads the message to push. The content type decides between text and binary. */
async function messageOf(request: HonoRequest): Promise<Message> {
  const type = request.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const isBinary = type === 'application/octet-stream'
  if (!isBinary && !type.startsWith('text/') && type !== 'application/json') {
    fail(400, 'Content-Type: expected text/plain, application/json or application/octet-stream')
  }
  const payload = Buffer.from(await request.arrayBuffer())
  if (!isBinary && !isUtf8(payload)) fail(400, 'body: expected UTF-8')
  return { payload, isBinary }
}

const describeLink = ({ observation, traffic, bytes, waiting }: Session) => ({
  subprotocol: observation?.peer.subprotocol ?? null,
  extensions: observation?.peer.extensions?.split(';', 1)[0] ?? null,
  ...traffic,
  bytesRead: bytes.read,
  bytesWritten: bytes.written,
  bufferedBytes: waiting,
  pingRoundTrip: observation?.roundTrip ?? null,
})

function describe(session: Session): z.input<typeof schemas.connection> {
  const { peer, openedAt = 0, upstream } = session.observation ?? {}
  return {
    id: session.id,
    protocol: session.protocol,
    remoteAddress: peer?.address ?? '',
    path: peer?.path ?? '',
    query: peer?.query ?? '',
    faults: peer?.faults ?? null,
    testId: peer?.testId ?? null,
    openSince: new Date(performance.timeOrigin + openedAt).toISOString(),
    ...describeLink(session),
    upstream: upstream
      ? { address: upstream.observation?.peer.address ?? '', isOpen: upstream.isOpen, ...describeLink(upstream) }
      : null,
  }
}
