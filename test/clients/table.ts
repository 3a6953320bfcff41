import { checks } from './checks.ts'
import { clients } from './clients.ts'

const total = Object.keys(checks).length

/** Returns a table in Markdown of all clients, with the checks that they don't pass. */
export function writeClientTable(): string {
  const rows = Object.entries(clients).map(([name, { version, exceptions = {} }]) => {
    const reasons = Object.values(exceptions).map(([, reason]) => reason)
    return `| ${name} | ${version} | ${total - reasons.length} of ${total} | ${[...new Set(reasons)].join('; ') || 'none'} |`
  })
  return ['| client | version | passes | exceptions |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** Returns a list in Markdown of the checks. */
export const writeCheckList = (): string =>
  Object.values(checks)
    .map(({ title }) => `- ${title}`)
    .join('\n')
