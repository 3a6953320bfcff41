import { count } from '../core/count.ts'
import { type LogStore, logKinds } from '../core/log-store.ts'
import { readSearch } from '../core/search-pattern.ts'
import { createChoice } from './choice.ts'
import { element } from './element.ts'
import type { createLog } from './log.ts'
import type { Notice } from './notice.ts'

/** ms without a keystroke before the search runs, because searching a large log takes time. */
const TYPING = 150

/** Controls the search, filter, pausing and clearing of a log. */
export function createLogToolbar(
  root: ParentNode,
  store: LogStore,
  { hold, revealSelected }: ReturnType<typeof createLog>,
  notice: Notice,
): { focusSearch: () => void } {
  const search = element(root, '#search', HTMLInputElement)
  const problem = element(root, '#search-problem', HTMLElement)
  const pause = element(root, '#pause', HTMLButtonElement)
  const kinds = createChoice(element(root, '#kinds', HTMLElement), filter)
  let timer: ReturnType<typeof setTimeout> | undefined

  function showProblem(words: string) {
    if (problem.textContent !== words) problem.textContent = words
    search.ariaInvalid = String(words !== '')
  }

  function filter() {
    clearTimeout(timer)
    const pattern = readSearch(search.value.trim())
    const words = pattern && 'problem' in pattern ? pattern.problem : ''
    showProblem(words)
    const valid = pattern && !('problem' in pattern) ? pattern : undefined
    store.filter(logKinds.find(kind => kind === kinds.value) ?? 'all', valid)
    if (!store.isFiltered) revealSelected()
  }

  store.onChange(() => store.problem && showProblem(store.problem))

  const showPaused = () => {
    pause.ariaPressed = String(hold.isOn)
    element(pause, 'span', HTMLElement).textContent = hold.isOn ? 'Paused' : 'Pause'
  }
  hold.onRelease(showPaused)

  search.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(filter, TYPING)
  })
  search.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || search.value === '') return
    search.value = ''
    filter()
  })
  pause.addEventListener('click', () => {
    hold.set('pause', !hold.isOn)
    showPaused()
  })
  element(root, '#clear', HTMLButtonElement).addEventListener('click', () => {
    const lines = store.entries.length
    if (lines > 0) notice(`${count(lines, 'line')} cleared.`, store.clear())
  })

  return {
    focusSearch() {
      search.focus()
      search.select()
    },
  }
}
