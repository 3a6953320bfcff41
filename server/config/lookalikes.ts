import { printable } from '../log.ts'
import type { Environment } from './config.ts'

/** Variables that only the compose files read, and the settings that replace them elsewhere. */
const OF_COMPOSE: Record<string, string> = {
  HTTP_PORT: 'PORT',
  WS_PORT: 'PORT',
  BIND_ADDRESS: 'HOST',
  FRONT_PROXIES: 'TRUSTED_PROXIES',
}

// Shorter names would match too many unrelated ones.
const SHORTEST = 6

const simplified = (name: string) => name.replace(/[_-]/g, '').toUpperCase()

/** Returns whether one missing, extra, wrong or swapped character turns one name into the other. */
function isOneErrorAway(name: string, other: string): boolean {
  let same = 0
  while (same < name.length && name[same] === other[same]) same++
  const [a, b] = [name.slice(same), other.slice(same)]
  const swapped = `${a[1]}${a[0]}${a.slice(2)}`
  return a.slice(1) === b || a === b.slice(1) || a.slice(1) === b.slice(1) || swapped === b
}

/**
 * Returns a warning for each variable that looks like a misspelt setting, or that only the compose files read. There is
 * no warning if the right setting is present, too.
 * @param names the names of all settings
 */
export function warnOfLookalikes(env: Environment, names: readonly string[]): string[] {
  const findMeant = (name: string) => {
    const simple = simplified(name)
    return names.find(
      known => simplified(known) === simple || (simple.length >= SHORTEST && isOneErrorAway(simple, simplified(known))),
    )
  }
  return Object.entries(env).flatMap(([name, value]) => {
    const isOfCompose = Object.hasOwn(OF_COMPOSE, name) && !isOfKubernetes(value)
    const meant = isOfCompose ? OF_COMPOSE[name] : names.includes(name) ? undefined : findMeant(name)
    if (meant === undefined || env[meant] !== undefined) return []
    const advice = isOfCompose ? `only docker compose reads it. Use ${meant}.` : `did you mean ${meant}?`
    return [`${printable(name)} has no effect: ${advice}`]
  })
}

/** Kubernetes sets `NAME_PORT` to such a value in each container, for every service of the namespace. */
export const isOfKubernetes = (value = ''): boolean => /^(tcp|udp|sctp):\/\//.test(value)
