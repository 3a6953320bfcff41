import { printable } from '../log.ts'
import type { Environment } from './config.ts'

/** Variables that only compose files read, and the setting to use elsewhere. */
const OF_COMPOSE: Record<string, string> = { HTTP_PORT: 'PORT', WS_PORT: 'PORT', BIND_ADDRESS: 'HOST' }

// A shorter name is one typing error away from too many others.
const SHORTEST = 6

const simplified = (name: string) => name.replace(/[_-]/g, '').toUpperCase()

/** Whether one character too many, too few, wrong, or swapped with the next makes one name the other. */
function isOneErrorAway(name: string, other: string): boolean {
  let same = 0
  while (same < name.length && name[same] === other[same]) same++
  const [a, b] = [name.slice(same), other.slice(same)]
  const swapped = `${a[1]}${a[0]}${a.slice(2)}`
  return a.slice(1) === b || a === b.slice(1) || a.slice(1) === b.slice(1) || swapped === b
}

/**
 * Returns a warning for each variable that looks like a misspelt setting, or that only compose files read, unless the
 * setting that it stands for is there as well.
 * @param names of all settings
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

/** Whether Kubernetes has set a variable: in each container, `NAME_PORT` for every service of its namespace. */
export const isOfKubernetes = (value = ''): boolean => /^(tcp|udp|sctp):\/\//.test(value)
