import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { mersenne } from 'pure-rand/generator/mersenne'

/** Gives one number after the other from 0 up to 1, the same ones for the same seed. */
export function createChance(seed: number | undefined): () => number {
  if (seed === undefined) return Math.random
  // The smaller generators begin nearly alike for every small seed.
  const generator = mersenne(seed)
  return () => uniformFloat64(generator)
}
