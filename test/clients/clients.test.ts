import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { hasEngine } from '../stack/engine.ts'
import { type Check, type CheckName, checks } from './checks.ts'
import { clients } from './clients.ts'
import { addressOf, type Entry, entryNames, isAbout, openEntries } from './entries.ts'
import type { Report } from './ways.ts'

// run.ts passes the names of the clients that were asked for.
const asked = process.env.CLIENTS?.split('\n')
const chosen = Object.entries(clients).filter(([name, { way }]) => (asked ? asked.includes(name) : !way.isByHand))

const isEngineMissing = !(await hasEngine())
if (isEngineMissing) console.warn('The clients connect only directly: there is no Docker engine for the stack.')

/** What a client reported at an entry, whose log had `from` lines before. */
type Run = Report & { entry: Entry; from: number }

let folder: string
let entries: Entry[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'websocket-echo-'))
  const opened = await openEntries(folder, !isEngineMissing || process.env.CI !== undefined)
  entries = opened.entries
  return async () => {
    await opened.close()
    await rm(folder, { recursive: true })
  }
}, 300_000)

/**
 * Returns how the server logged the end of the connection with this path, such as `4000 bye`, or the status of a refusal;
 * `none` if there was no connection.
 * @param from the number of lines that the log had before
 */
async function outcomeAtServer(entry: Entry, from: number, client: string, check: CheckName): Promise<string> {
  const log = entry.log.slice(from)
  const handshake = log.find(isAbout(entry, client, check))
  if (!handshake) return 'none'
  if (handshake.status !== undefined) return String(handshake.status)
  const end = () =>
    entry.log.find(({ msg, connection }) => msg === 'Disconnected' && connection === handshake.connection)
  await expect.poll(end, { message: `the end of the connection for ${check}` }).toBeDefined()
  return [end()?.code, end()?.reason].filter(part => part !== undefined).join(' ')
}

describe.each(chosen)('%s', (name, { version, way, exceptions = {} }) => {
  const missing = way.findMissing()
  if (missing) console.warn(`${name} is not installed. It needs ${missing}.`)
  const isSkipped = missing !== undefined && !process.env.CI
  const reports = new Map<string, Run>()

  beforeAll(async () => {
    if (isSkipped) return
    const starts = entries.map(({ log }) => log.length)
    await Promise.all(
      entries.map(async (entry, i) => {
        const own = join(folder, `${name.replaceAll(/\W+/g, '-')}-${i}`)
        await mkdir(own)
        const urlOf = (check: CheckName) => addressOf(entry, name, check)
        const report = await way.run({ urlOf, page: entry.page, folder: own, authority: join(folder, 'authority.crt') })
        await entry.settle()
        reports.set(entry.name, { ...report, entry, from: starts[i] ?? 0 })
      }),
    )
  }, 600_000)

  for (const entryName of entryNames) {
    const isUnreachable = entryName !== 'directly' && isEngineMissing && !process.env.CI
    describe.skipIf(isSkipped || isUnreachable)(entryName, () => {
      const tests = (Object.entries(checks) as [CheckName, Check][])
        // There is no TLS on port 7777.
        .filter(([, { isSecure }]) => !isSecure || entryName !== 'through port 7777 of NGINX')
        .map(([check, { title }]) => [check, exceptions[check]?.[1] ?? title] as const)
      test.for(tests)('%s: %s', async ([check]) => {
        const { entry, from, events, version: tested } = reports.get(entryName) as Run
        const { expected } = checks[check]
        const [exception] = exceptions[check] ?? []
        const outcome = `${events[check]} | ${await outcomeAtServer(entry, from, name, check)}`
        // Another version may have fixed it.
        const isException = exception && (tested.startsWith(version) || !expected.test(outcome))
        expect(outcome).toMatch(isException ? exception : expected)
      })
    })
  }
})
