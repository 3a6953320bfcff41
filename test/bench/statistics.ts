/** Three of a distribution's quartiles. */
export type Quartiles = { q1: number; median: number; q3: number }

/**
 * Quartiles of some numbers, between two of which a straight line is drawn.
 * @returns NaN each when there are none
 */
export function quartiles(values: number[]): Quartiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => {
    const index = share * (sorted.length - 1)
    const below = sorted[Math.floor(index)] ?? Number.NaN
    const above = sorted[Math.ceil(index)] ?? Number.NaN
    return below + (above - below) * (index - Math.floor(index))
  }
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) }
}

/**
 * Quartiles of `values[i] / base[i]`, of what was measured side by side.
 * @returns `undefined` where one of the two could not be measured
 */
export function ratios(values: Measured[], base: Measured[]): Quartiles | undefined {
  const pairs = values.flatMap((value, i) => {
    const other = base[i]
    return value === undefined || other === undefined ? [] : [value / other]
  })
  return pairs.length > 0 ? quartiles(pairs) : undefined
}

/** A number, unless it could not be measured here. */
export type Measured = number | undefined
