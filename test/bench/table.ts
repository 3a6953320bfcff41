import type { Measured, Quartiles } from './statistics.ts'

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

/** Formats a number with three significant digits, or `n/a`. */
export function formatNumber(value: Measured): string {
  return value === undefined ? 'n/a' : number.format(value)
}

/** Formats a median with its quartiles in parentheses, or `n/a`. */
export function formatRatio(ratio: Quartiles | undefined): string {
  if (ratio === undefined) return 'n/a'
  const { q1, median, q3 } = ratio
  return `${median.toFixed(2)} (${q1.toFixed(2)}–${q3.toFixed(2)})`
}

/** Formats a Markdown table. All columns except the first are right-aligned. */
export function formatTable(header: string[], rows: string[][]): string {
  const widths = header.map((title, column) =>
    Math.max(...[title, ...rows.map(row => row[column] ?? '')].map(cell => cell.length)),
  )
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [header, rule, ...rows].map(line).join('\n')
}
