import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { mersenne } from 'pure-rand/generator/mersenne'

/** Creates a source of random numbers from 0 to below 1. The same seed gives the same numbers. */
export function createChance(seed: number | undefined): () => number {
  if (seed === undefined) return Math.random
  // Smaller generators start with almost the same numbers for all small seeds.
  const generator = mersenne(seed)
  return () => uniformFloat64(generator)
}
