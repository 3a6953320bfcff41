import { hash } from 'node:crypto'
import { Unexpected } from '../config/values.ts'
import { printable } from '../log.ts'
import type { Faults } from './faults.ts'
import type { FaultSettings } from './parameter.ts'
import { key } from './parameters/key.ts'
import { testId } from './parameters/test-id.ts'
import { times } from './parameters/times.ts'
import { FaultsError, parseFaults, unexpected, type Written } from './parameters.ts'

/** Default faults for a number of connections. */
type Step = { written: Written; faults: Written; times: number | undefined; used: number }

/** The default faults of new connections, one step after the other. */
type Sequence = { steps: Step[]; at: number }

/** Connections that were counted together because of `times`. */
export type Count = { key: string; query: string; times: number; used: number }

export type Choice = Omit<ReturnType<typeof parseFaults>, 'faults'> & {
  faults: Faults | undefined
  testId: string | undefined
  /** Whether `times` connections have already had the faults of the query. */
  isUsedUp: boolean
  /** Counts the handshake. */
  use(): void
}

export type Plan = ReturnType<typeof createPlan>

// The most that the server remembers, so that nobody can fill its memory with names.
const MAX_KEYS = 1000
const MAX_TESTS = 1000

// Parameters that only a query may have.
const ONLY_IN_QUERY = [key, testId]

/**
 * Creates the plan that decides which connection gets which faults.
 * @param settings.faults false if nobody may request faults
 */
export function createPlan(settings: FaultSettings & { faults: boolean }) {
  /** The default faults by test. Those under `undefined` apply to all other connections. */
  const sequences = new Map<string | undefined, Sequence>()
  /** The counted queries by `idOfCount`, the one that was used longest ago first. */
  const counts = new Map<string, Pick<Count, 'times' | 'used'>>()

  const countIn = (id: string, times: number, used: number) => {
    counts.delete(id)
    counts.set(id, { times, used })
    const [oldest] = counts.keys()
    if (counts.size > MAX_KEYS && oldest !== undefined) counts.delete(oldest)
  }

  return {
    /**
     * Chooses the faults of a handshake.
     * @param header its `X-Test-Id`
     * @param address of the peer
     * @throws {FaultsError} if the query is invalid
     */
    choose(query: string, header: string | undefined, address: string): Choice {
      if (!settings.faults) {
        return { ...parseFaults('', {}, settings), testId: idOf('', header), isUsedUp: false, use() {} }
      }
      const test = idOf(query, header)
      const step = currentStep(sequences.get(test) ?? sequences.get(undefined))
      const defaults = step?.faults ?? {}
      const parsed = parseFaults(query, defaults, settings)
      const most = parsed.faults?.get(times)
      const id = most === undefined ? '' : idOfCount(parsed.faults?.get(key) ?? address, query)
      const { used } = counts.get(id) ?? { used: 0 }
      const isUsedUp = most !== undefined && used >= most
      return {
        ...parsed,
        faults: isUsedUp ? parseFaults('', defaults, settings).faults : parsed.faults,
        testId: test,
        isUsedUp,
        use() {
          if (step) step.used++
          if (most !== undefined && !isUsedUp) countIn(id, most, used + 1)
        },
      }
    },

    /**
     * Sets the default faults. Each new connection gets the first ones that are not used up.
     * @param test the test to whose connections alone they apply
     * @throws {FaultsError} if a fault is invalid, or too many tests have faults of their own
     */
    set(faults: readonly Written[], test?: string): void {
      const problems: string[] = []
      const steps = faults.map((written, i) => {
        try {
          return createStep(written, settings)
        } catch (error) {
          if (!(error instanceof FaultsError)) throw error
          const position = faults.length > 1 ? `faults ${i + 1}: ` : ''
          problems.push(...error.message.split('\n').map(problem => position + problem))
          return undefined
        }
      })
      if (problems.length > 0) throw new FaultsError(...problems)
      const tests = sequences.size - (sequences.has(undefined) ? 1 : 0)
      if (test !== undefined && !sequences.has(test) && tests >= MAX_TESTS) {
        throw new FaultsError(`${MAX_TESTS} tests have faults of their own: delete some of them first`)
      }
      sequences.set(test, { steps: steps.filter(step => step !== undefined), at: 0 })
    },

    /** Returns the default faults as they were set. */
    get: (test?: string): Written[] => sequences.get(test)?.steps.map(({ written }) => written) ?? [],

    clear: (test?: string): void => void sequences.delete(test),

    /** Returns the counted keys, the one that was used last at the end. */
    counts: (): Count[] =>
      Array.from(counts, ([id, count]) => {
        const [key, query] = JSON.parse(id)
        return { key, query, ...count }
      }),

    clearCounts: (): void => counts.clear(),
  }
}

/** Returns the test to which a handshake belongs. */
function idOf(query: string, header: string | undefined): string | undefined {
  // Characters of the name may be encoded.
  const mayHaveId = query.includes(testId.name) || query.includes('%')
  const id = (mayHaveId ? new URLSearchParams(query).get(testId.name) : undefined) ?? header ?? ''
  // A copy, because a part of a query would keep all of it in memory.
  return id !== '' && id.length <= 128 ? Buffer.from(id).toString() : undefined
}

/** Returns a text of its own, with the key, and a long query shortened but told from others by its hash. */
const idOfCount = (key: string, query: string) => JSON.stringify([key, printable(query), hash('sha1', query)])

/** @throws {FaultsError} */
function createStep(written: Written, settings: FaultSettings): Step {
  const { [times.name]: most, ...faults } = written
  const misplaced = ONLY_IN_QUERY.find(({ name }) => name in faults)
  if (misplaced) throw new FaultsError(`${misplaced.name} is for a query only`)
  parseFaults('', faults, settings)
  try {
    return { written, faults, times: most === undefined ? undefined : times.parse(String(most)), used: 0 }
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error
    throw new FaultsError(unexpected(times.name, String(most), error.message))
  }
}

/** Returns the first step that is not used up. The last one stays unless it has a number of times. */
function currentStep(sequence: Sequence | undefined): Step | undefined {
  if (!sequence) return undefined
  const { steps } = sequence
  for (; sequence.at < steps.length; sequence.at++) {
    const step = steps[sequence.at] as Step
    const stays = sequence.at === steps.length - 1 ? Number.POSITIVE_INFINITY : 1
    if (step.used < (step.times ?? stays)) return step
  }
  return undefined
}
