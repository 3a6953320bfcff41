/** Writes a number with thousands separators, and its noun in the right form, for example `1,000 messages`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${separated(number)} ${number === 1 ? noun : plural}`
}

/** Writes a duration in ms: with decimals if it is short, for example `0.4 ms`, and otherwise `1,000 ms`. */
export const milliseconds = (duration: number): string =>
  `${duration < 100 ? duration.toFixed(1) : separated(Math.round(duration))} ms`

/** Writes a number with thousands separators, for example `1,000`. */
export const separated = (number: number): string => number.toLocaleString('en')
