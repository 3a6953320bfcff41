const SAMPLES = 10_000
const BUCKET = 500
const BUCKETS = 120

export type Summary = {
  /** Round trips in ms: percentiles of the newest 10,000, and the maximum of all; `undefined` if there are none. */
  p50: number | undefined
  p95: number | undefined
  p99: number | undefined
  max: number | undefined
  /** Messages received per second, over the last two complete buckets. */
  rate: number
  /** Whether the newest message has a round trip; `undefined` without messages. */
  isMeasured: boolean | undefined
}

/** The last minute in buckets of half a second, oldest first; `null` for a bucket without round trips. */
export type Series = {
  /** Seconds before now. */
  times: number[]
  /** Messages received per second. */
  received: number[]
  /** The median round trip in ms. */
  median: (number | null)[]
  max: (number | null)[]
}

export type Statistics = {
  /** Counts a received message, with its round trip in ms if that is known. */
  received(roundTrip: number | undefined): void
  summary(): Summary
  series(): Series
}

type Bucket = { received: number; roundTrips: number[] }

/** Creates statistics that use constant memory and compute percentiles on demand. */
export function createStatistics(now = () => performance.now()): Statistics {
  const samples = new Float64Array(SAMPLES)
  const buckets = new Map<number, Bucket>()
  let count = 0
  let max: number | undefined
  let isMeasured: boolean | undefined

  const numberOf = (time: number) => Math.floor(time / BUCKET)

  function bucket(): Bucket {
    const number = numberOf(now())
    let found = buckets.get(number)
    if (!found) {
      found = { received: 0, roundTrips: [] }
      buckets.set(number, found)
      for (const old of buckets.keys()) {
        if (old > number - BUCKETS - 1) break
        buckets.delete(old)
      }
    }
    return found
  }

  return {
    received(roundTrip) {
      const current = bucket()
      current.received++
      isMeasured = roundTrip !== undefined
      if (roundTrip === undefined) return
      // In a busy half second, a sample is enough for the median.
      if (current.roundTrips.length < SAMPLES) current.roundTrips.push(roundTrip)
      samples[count++ % SAMPLES] = roundTrip
      max = Math.max(max ?? 0, roundTrip)
    },

    summary() {
      const sorted = samples.slice(0, Math.min(count, SAMPLES)).sort()
      const current = numberOf(now())
      const lately = [1, 2].map(ago => buckets.get(current - ago)?.received ?? 0)
      return {
        p50: percentile(sorted, 0.5),
        p95: percentile(sorted, 0.95),
        p99: percentile(sorted, 0.99),
        max,
        rate: perSecond(lately.reduce((a, b) => a + b)) / lately.length,
        isMeasured,
      }
    },

    series() {
      const last = numberOf(now()) - 1
      const series: Series = { times: [], received: [], median: [], max: [] }
      for (let number = last - BUCKETS + 1; number <= last; number++) {
        const { received = 0, roundTrips = [] } = buckets.get(number) ?? {}
        const sorted = Float64Array.from(roundTrips).sort()
        series.times.push(((number - last) * BUCKET) / 1000)
        series.received.push(perSecond(received))
        series.median.push(percentile(sorted, 0.5) ?? null)
        series.max.push(sorted.at(-1) ?? null)
      }
      return series
    },
  }
}

const perSecond = (count: number) => (count * 1000) / BUCKET

/** The nearest-rank percentile. */
const percentile = (sorted: Float64Array, share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
