import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { getHeapStatistics } from 'node:v8'
import proxyaddr from 'proxy-addr'
import { isOfKubernetes, warnOfLookalikes } from './lookalikes.ts'
import { duration, integer, oneOf, type Parser, size, text, Unexpected } from './values.ts'

/** The settings from the environment. Durations are in milliseconds, sizes in bytes. */
export type Config = ReturnType<typeof parseConfig>

export type Environment = Readonly<Record<string, string | undefined>>

/** The message has one line for each invalid variable, with its name, its value and what was expected. */
export class ConfigError extends Error {}

/** Reads a comma-separated list. `make` may throw if it cannot use the items. */
const list =
  <T>(expected: string, isItem: (text: string) => boolean, make: (items: string[]) => T): Parser<T> =>
  text => {
    const items = text.split(/[\s,]+/).filter(item => item !== '')
    try {
      if (items.every(isItem)) return make(items)
    } catch {}
    throw new Unexpected(`${expected}, separated by commas`)
  }

const isOrigin = (text: string) => {
  if (text === 'null') return true
  if (/^https?:/.test(text)) return URL.parse(text)?.origin === text
  return /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@A-Z]+$/.test(text)
}

const origins = list('origins such as https://example.com or null, without a path', isOrigin, items => new Set(items))
const hosts = list(
  'host names such as echo.test, without a port',
  item => /^[\w-]+(\.[\w-]+)*$/.test(item),
  items => new Set(items.map(item => item.toLowerCase())),
)
const isAddress = (text: string) => /^(\[[0-9a-f:.]+\]|[\w-]+(\.[\w-]+)*)(:\d{1,5})?$/i.test(text)
const addresses = list(
  'hosts such as echo.test or echo.test:7777',
  isAddress,
  items => new Set(items.map(item => item.toLowerCase())),
)
const proxies = list(
  'addresses and networks such as 10.0.0.1 or 172.16.0.0/12',
  item => isIP(item.replace(/\/\d+$/, '')) > 0,
  items => proxyaddr.compile(items),
)

/** Reads an address for the log. Returns '' for a range of ports, and for port 0, where Docker chooses. */
const publicUrl: Parser<string> = text => {
  if (!/^(http|ws)s?:\/\/\S+$/.test(text)) throw new Unexpected('a URL such as https://example.com')
  const url = URL.parse(text.replace(/(?<=\/\/)(0\.0\.0\.0|\[::\])(?=:|$)/, 'localhost'))
  return url && url.port !== '0' ? url.href.replace(/\/$/, '') : ''
}

/** Reads the address of a backend, as HTTP has it. It has no path, because that of each client is used. */
const backend: Parser<URL> = text => {
  const url = /^(ws|http)s?:\/\/[^/?#@]+\/?$/.test(text) ? URL.parse(text.replace(/^ws/, 'http')) : null
  if (!url)
    throw new Unexpected(
      'an address such as ws://backend:8080 or wss://example.com, without a path and without credentials',
    )
  return url
}

const certificates: Parser<string> = path => {
  try {
    const text = readFileSync(path, 'utf8')
    return new X509Certificate(text) && text
  } catch (error) {
    throw new Unexpected(`a readable file with certificates in PEM (${(error as Error).message})`)
  }
}

const one =
  (expected: string, isValid: (text: string) => boolean): Parser<string> =>
  text => {
    if (isValid(text)) return text
    throw new Unexpected(expected)
  }
const host = one('a host such as example.com or example.com:8080', isAddress)
const origin = one('an origin such as https://example.com or null, without a path', isOrigin)

/** The memory that peers may fill. The process itself, and memory that is not counted, need the rest. */
const shareOf = (memory: number) => Math.floor(Math.min(memory / 4, getHeapStatistics().heap_size_limit / 2))

/**
 * Reads the configuration from environment variables. An empty variable counts as unset, except `REPLY_PREFIX`.
 * @param memory of the machine or the container, in bytes
 * @throws {ConfigError} naming every invalid variable
 */
export function parseConfig(env: Environment, memory = Number.POSITIVE_INFINITY) {
  const names: string[] = []
  const problems: string[] = []
  const warnings: string[] = []

  const read = <T, F>(name: string, parse: Parser<T>, fallback: F): T | F => {
    names.push(name)
    const text = env[name]
    if (text === undefined || (text === '' && name !== 'REPLY_PREFIX')) return fallback
    if (name.endsWith('PORT') && isOfKubernetes(text)) {
      warnings.push(`${name}=${JSON.stringify(text)} is ignored: Kubernetes sets it for a service of that name`)
      return fallback
    }
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error
      // A password in an address must not get into a log.
      const shown = text.replace(/^(\w+:\/\/)?[^/@:]*:(?!\/\/).*@/, '$1…@')
      problems.push(`${name}=${JSON.stringify(shown)}: expected ${error.message}`)
      return fallback
    }
  }

  const config = {
    host: read('HOST', String, undefined),
    port: read('PORT', integer(0, 65_535), 7777),
    replyPrefix: read('REPLY_PREFIX', text(1024), '[RE]: '),
    maxPayload: read('MAX_PAYLOAD', size('1', '1GiB'), 2 ** 20),
    /** The server stops reading from a peer when more bytes than this wait for it, and reads on below half of it. */
    highWaterMark: read('HIGH_WATER_MARK', size('64KiB', '1GiB'), 2 ** 20),
    /** Bytes that the server may keep in memory for all peers together. */
    memoryBudget: read('MEMORY_BUDGET', size('1MiB', '1024GiB'), shareOf(memory)),
    /** Time within which more of an unfinished message must arrive. */
    messageTimeout: read('MESSAGE_TIMEOUT', duration('100ms', '24h'), 60_000),
    maxConnections: read('MAX_CONNECTIONS', integer(1, 10_000_000), 20_000),
    maxConnectionsPerIp: read('MAX_CONNECTIONS_PER_IP', integer(1, 10_000_000), undefined),
    heartbeatInterval: read('HEARTBEAT_INTERVAL', duration('0', '24h'), 30_000),
    /** Time within which a peer must read or send something while bytes wait in its socket. */
    stallTimeout: read('STALL_TIMEOUT', duration('100ms', '24h'), 120_000),
    shutdownTimeout: read('SHUTDOWN_TIMEOUT', duration('0', '1m'), 5000),
    fastPath: read('FAST_PATH', oneOf('0', '1'), '1') === '1',
    /** Whether a query can request faults. */
    faults: read('NO_FAULTS', oneOf('0', '1'), '0') === '0',
    /** Whether the server speaks Socket.IO and SignalR on their paths. */
    protocols: read('NO_PROTOCOLS', oneOf('0', '1'), '0') === '0',
    /** The hosts, with or without a port, to which a query may redirect handshakes. */
    redirectHosts: read('REDIRECT_HOSTS', addresses, new Set<string>()),
    /** The allowed values of the `Origin` header. `undefined` allows every origin. */
    allowedOrigins: read('ALLOWED_ORIGINS', origins, undefined),
    /** Returns whether an address is a proxy whose `X-Forwarded-For` can be trusted. */
    isTrustedProxy: read('TRUSTED_PROXIES', proxies, () => false),
    /** The backend that WebSockets are connected on to, except those on `/raw` and `/echo`. */
    upstream: read('UPSTREAM', backend, undefined),
    /** Certificates in PEM that may have signed the backend's, in place of those that Node.js knows. */
    upstreamCa: read('UPSTREAM_CA', certificates, undefined),
    /** Time within which the backend must answer a handshake. */
    upstreamTimeout: read('UPSTREAM_TIMEOUT', duration('100ms', '5m'), 10_000),
    /** The headers `Host` and `Origin` for the backend, in place of the client's. */
    upstreamHost: read('UPSTREAM_HOST', host, undefined),
    upstreamOrigin: read('UPSTREAM_ORIGIN', origin, undefined),
    /** The port of the control server. `undefined` turns it off. */
    controlPort: read('CONTROL_PORT', integer(0, 65_535), undefined),
    controlHost: read('CONTROL_HOST', String, '127.0.0.1'),
    /** Host names that the control port accepts, besides IP addresses and `localhost`. */
    controlAllowedHosts: read('CONTROL_ALLOWED_HOSTS', hosts, new Set<string>()),
    journalSize: read('JOURNAL_SIZE', size('0', '64MiB'), 0),
    logLevel: read('LOG_LEVEL', oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info'),
    logFormat: read('LOG_FORMAT', oneOf('text', 'json'), 'text'),
    /** The addresses at which a container's ports are published, for the log. '' if they are unknown. */
    publicPageUrl: read('PUBLIC_PAGE_URL', publicUrl, undefined),
    publicWsUrl: read('PUBLIC_WS_URL', publicUrl, undefined),
    /** One line for each variable that is ignored although it looks like a setting. */
    warnings,
  }
  warnings.push(...warnOfLookalikes(env, names))

  const { memoryBudget, maxPayload, journalSize } = config
  const checkShare = (name: string, bytes: number, divisor: number, share: string) => {
    if (bytes <= memoryBudget / divisor) return
    const expected = `at most ${share} of MEMORY_BUDGET, which is ${memoryBudget} bytes`
    problems.push(`${name}=${JSON.stringify(env[name] ?? bytes)}: expected ${expected}`)
  }
  checkShare('MAX_PAYLOAD', maxPayload, 4, 'a quarter')
  checkShare('JOURNAL_SIZE', journalSize, 2, 'half')
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return config
}
