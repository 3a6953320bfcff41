import { count } from './count.ts'
import type { LogStore } from './log-store.ts'

/**
 * Says how many lines an export has, and how many it leaves out and why.
 * @param unfit lines that the format of the file cannot hold
 */
export function describeExport(
  { shown, entries, removed }: Pick<LogStore, 'shown' | 'entries' | 'removed'>,
  isFiltered: boolean,
  unfit = 0,
): string {
  const exported = isFiltered ? shown.length : entries.length
  const hidden = entries.length - exported
  const reasons = [
    hidden > 0 && `${count(hidden, 'line')} that the filter hides`,
    unfit > 0 && `${count(unfit, 'line')} that this format cannot hold`,
    removed > 0 && `${count(removed, 'older line')} that the log has already removed`,
  ].filter(reason => reason !== false)
  const leftOut = reasons.length > 0 ? ` It leaves out ${new Intl.ListFormat('en').format(reasons)}.` : ''
  return `The file has ${count(exported - unfit, 'line')}.${leftOut}`
}
