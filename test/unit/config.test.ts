import { getHeapStatistics } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../../server/config/config.ts'

const problems = (env: Record<string, string>) => {
  try {
    parseConfig(env)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message.split('\n')
  }
  return []
}

test('an empty environment gives the documented defaults', () => {
  expect(parseConfig({})).toMatchObject({
    host: undefined,
    port: 7777,
    replyPrefix: '[RE]: ',
    maxPayload: 1_048_576,
    highWaterMark: 1_048_576,
    maxConnections: 20_000,
    maxConnectionsPerIp: undefined,
    heartbeatInterval: 30_000,
    shutdownTimeout: 5000,
    fastPath: true,
    faults: true,
    allowedOrigins: undefined,
    logLevel: 'info',
    logFormat: 'text',
  })
})

test.for(['ws://user:secret@backend:8080', 'wss://user:sec@ret@backend/', 'user:secret@backend'])(
  'UPSTREAM=%s is refused without showing the password',
  upstream => {
    expect(problems({ UPSTREAM: upstream })).toEqual([
      expect.stringMatching(
        /^UPSTREAM="(wss?:\/\/)?…@backend.*": expected .*, without a path and without credentials$/,
      ),
    ])
  },
)

test('UPSTREAM=ws://user@backend is refused with its value, which has no password', () => {
  expect(problems({ UPSTREAM: 'ws://user@backend' })).toEqual([
    expect.stringMatching(/^UPSTREAM="ws:\/\/user@backend": /),
  ])
})

test('an empty variable counts as unset, except the prefix', () => {
  expect(parseConfig({ PORT: '', MAX_PAYLOAD: '', ALLOWED_ORIGINS: '', REPLY_PREFIX: '' })).toMatchObject({
    port: 7777,
    maxPayload: 1_048_576,
    allowedOrigins: undefined,
    replyPrefix: '',
  })
})

test.for([
  ['16MiB', 16 * 2 ** 20],
  ['64KiB', 65_536],
  ['1GiB', 2 ** 30],
  ['100B', 100],
  ['65536', 65_536],
] as const)('the size %s is %i bytes', ([text, bytes]) => {
  expect(parseConfig({ MAX_PAYLOAD: text, MEMORY_BUDGET: '4GiB' }).maxPayload).toBe(bytes)
})

test.for([
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['250', 250],
  ['0', 0],
] as const)('the duration %s is %i milliseconds', ([text, milliseconds]) => {
  expect(parseConfig({ HEARTBEAT_INTERVAL: text }).heartbeatInterval).toBe(milliseconds)
})

test('origins are separated by commas or spaces', () => {
  const { allowedOrigins } = parseConfig({ ALLOWED_ORIGINS: 'https://a.example, http://b.example:8080 null' })
  expect([...(allowedOrigins ?? [])]).toEqual(['https://a.example', 'http://b.example:8080', 'null'])
})

test('trusted proxies are addresses and networks', () => {
  const { isTrustedProxy } = parseConfig({ TRUSTED_PROXIES: '10.0.0.0/8,fd00::/8,192.0.2.1' })
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1', '192.0.2.1']) {
    expect(isTrustedProxy(address, 0)).toBe(true)
  }
  for (const address of ['11.0.0.1', 'fe80::1', '192.0.2.2', 'unknown']) expect(isTrustedProxy(address, 0)).toBe(false)
})

describe('an invalid variable is named with its value and what was expected', () => {
  test.for([
    ['PORT', '65536', /an integer from 0 to 65535/],
    ['PORT', '77 77', /an integer/],
    ['PORT', '-1', /an integer/],
    ['PORT', '7777.5', /an integer/],
    ['REPLY_PREFIX', 'x'.repeat(1025), /at most 1 KiB/],
    ['PUBLIC_WS_URL', 'foo', /a URL such as https:\/\/example\.com/],
    ['MAX_PAYLOAD', '0', /a size from 1/],
    ['MAX_PAYLOAD', '2GiB', /a size from 1 to 1GiB/],
    ['MAX_PAYLOAD', '16MB', /a size/],
    ['HIGH_WATER_MARK', '63KiB', /a size from 64KiB to 1GiB/],
    ['MEMORY_BUDGET', '100KiB', /a size from 1MiB to 1024GiB/],
    ['MESSAGE_TIMEOUT', '99', /a duration from 100ms to 24h/],
    ['MAX_CONNECTIONS', '0', /an integer from 1/],
    ['MAX_CONNECTIONS_PER_IP', 'ten', /an integer/],
    ['CONTROL_PORT', '65536', /an integer from 0 to 65535/],
    ['CONTROL_ALLOWED_HOSTS', 'http://echo.test', /host names/],
    ['JOURNAL_SIZE', '65MiB', /a size from 0 to 64MiB/],
    ['HEARTBEAT_INTERVAL', '30 seconds', /a duration/],
    ['HEARTBEAT_INTERVAL', '25h', /a duration from 0 to 24h/],
    ['SHUTDOWN_TIMEOUT', '-1s', /a duration/],
    ['ALLOWED_ORIGINS', 'https://example.com/', /origins such as/],
    ['ALLOWED_ORIGINS', 'example.com', /origins such as/],
    ['TRUSTED_PROXIES', '10.0.0.0/33', /addresses and networks/],
    ['TRUSTED_PROXIES', 'localhost', /addresses and networks/],
    ['LOG_LEVEL', 'verbose', /one of trace, debug, info/],
    ['LOG_FORMAT', 'xml', /one of text, json/],
    ['FAST_PATH', 'yes', /one of 0, 1/],
    ['NO_FAULTS', 'true', /one of 0, 1/],
    ['NO_PROTOCOLS', 'yes', /one of 0, 1/],
    ['REDIRECT_HOSTS', 'ws://echo.test', /hosts such as echo.test or echo.test:7777/],
    ['REDIRECT_HOSTS', 'echo.test/path', /hosts such as/],
    ['REDIRECT_HOSTS', 'user@echo.test', /hosts such as/],
  ] as const)('%s=%s', ([name, value, expected]) => {
    const [problem, ...others] = problems({ [name]: value })
    expect(others).toEqual([])
    expect(problem).toContain(`${name}="${value}": expected `)
    expect(problem).toMatch(expected)
  })
})

test('the memory budget is a quarter of the memory, but no more than V8 can use', () => {
  expect(parseConfig({}, 2 ** 30).memoryBudget).toBe(2 ** 28)
  expect(parseConfig({}).memoryBudget).toBe(Math.floor(getHeapStatistics().heap_size_limit / 2))
  expect(parseConfig({ MEMORY_BUDGET: '64MiB' }, 2 ** 30).memoryBudget).toBe(2 ** 26)
})

test('settings that must fit into the memory budget are compared with it', () => {
  expect(problems({ MEMORY_BUDGET: '4MiB', MAX_PAYLOAD: '2MiB', JOURNAL_SIZE: '3MiB' })).toEqual([
    'MAX_PAYLOAD="2MiB": expected at most a quarter of MEMORY_BUDGET, which is 4194304 bytes',
    'JOURNAL_SIZE="3MiB": expected at most half of MEMORY_BUDGET, which is 4194304 bytes',
  ])
})

test('all invalid variables are named at once', () => {
  expect(problems({ PORT: 'x', LOG_LEVEL: 'y', MAX_PAYLOAD: 'z' }).map(line => line.split('=')[0])).toEqual([
    'PORT',
    'MAX_PAYLOAD',
    'LOG_LEVEL',
  ])
})

test('an invalid value is quoted with its control characters escaped', () => {
  expect(problems({ PORT: '\u001b[31m' })[0]).toContain('PORT="\\u001b[31m"')
})

const warnings = (env: Record<string, string>) => parseConfig(env).warnings

test.for([
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['log_level', 'LOG_LEVEL'],
  ['LOG-LEVEL', 'LOG_LEVEL'],
  ['LOG_LEVELS', 'LOG_LEVEL'],
  ['MAXPAYLOAD', 'MAX_PAYLOAD'],
  ['MAX_PAYLOADS', 'MAX_PAYLOAD'],
  ['MAX_PAYLAOD', 'MAX_PAYLOAD'],
  ['HEARTBEAT_INTERVALL', 'HEARTBEAT_INTERVAL'],
  ['ALLOWED_ORIGIN', 'ALLOWED_ORIGINS'],
  ['NO_FAULT', 'NO_FAULTS'],
  ['Port', 'PORT'],
  ['host', 'HOST'],
] as const)('%s is recognized as a misspelt %s', ([name, meant]) => {
  expect(warnings({ [name]: 'x' })).toEqual([`${name} has no effect: did you mean ${meant}?`])
  expect(warnings({ [name]: 'x', [meant]: '' })).toEqual([])
})

test.for([
  ['HTTP_PORT', 'PORT'],
  ['WS_PORT', 'PORT'],
  ['BIND_ADDRESS', 'HOST'],
  ['FRONT_PROXIES', 'TRUSTED_PROXIES'],
] as const)('%s is recognized as a setting of docker compose only', ([name, meant]) => {
  expect(warnings({ [name]: '80' })).toEqual([`${name} has no effect: only docker compose reads it. Use ${meant}.`])
  expect(warnings({ [name]: '80', [meant]: '' })).toEqual([])
})

test('other variables give no warning', () => {
  const names = [
    'HOSTNAME',
    'HOSTS',
    'PORTS',
    'POST',
    'SPORT',
    'PATH',
    'LEVEL',
    'LOG',
    'LOG_FILE',
    'LOGNAME',
    'PAYLOAD',
  ]
  const foreign = [
    'npm_config_loglevel',
    'MAX_MEMORY',
    'CONTROL',
    'ECHO_PORT',
    'WEBSOCKET_LOG_LEVEL',
    'MAX_CONNECTIONS',
  ]
  expect(warnings(Object.fromEntries([...names, ...foreign].map(name => [name, '1'])))).toEqual([])
  expect(warnings({ HTTP_PORT: 'tcp://10.96.0.1:80' })).toEqual([])
})

test.for(['PORT', 'CONTROL_PORT'])('%s is ignored with a warning if Kubernetes set it for a service', name => {
  expect(parseConfig({ [name]: 'tcp://10.96.0.1:80' })).toMatchObject({
    port: 7777,
    controlPort: undefined,
    warnings: [`${name}="tcp://10.96.0.1:80" is ignored: Kubernetes sets it for a service of that name`],
  })
})

test('a warning escapes control characters in a name', () => {
  expect(warnings({ 'LOG\nLEVEL': 'x' })).toEqual(['LOG\\x0aLEVEL has no effect: did you mean LOG_LEVEL?'])
})
