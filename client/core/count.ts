/** Writes a number with thousands separators, and its noun in the right form, for example `1,000 messages`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${separated(number)} ${number === 1 ? noun : plural}`
}

/** Writes a number with thousands separators, for example `1,000`. */
export const separated = (number: number): string => number.toLocaleString('en')
