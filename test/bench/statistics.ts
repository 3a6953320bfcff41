/** The quartiles of a distribution. */
export type Quartiles = { q1: number; median: number; q3: number }

/**
 * Computes quartiles with linear interpolation.
 * @returns NaN for each if there are no values
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
 * Computes the quartiles of `values[i] / base[i]`.
 * @returns `undefined` if no pair has both values
 */
export function ratios(values: Measured[], base: Measured[]): Quartiles | undefined {
  const pairs = values.flatMap((value, i) => {
    const other = base[i]
    return value === undefined || other === undefined ? [] : [value / other]
  })
  return pairs.length > 0 ? quartiles(pairs) : undefined
}

/** A number, or `undefined` if it could not be measured. */
export type Measured = number | undefined
