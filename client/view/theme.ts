import type { Stored } from '../core/stored.ts'
import { element } from './element.ts'

const THEMES = ['system', 'light', 'dark'] as const

export type Theme = (typeof THEMES)[number]

export function parseTheme(json: unknown): Theme {
  return THEMES.find(theme => theme === json) ?? 'system'
}

/** Makes a button cycle through the themes: system, light, dark. */
export function createTheme(stored: Stored<Theme>) {
  const button = element(document, '#theme', HTMLButtonElement)

  function show(theme: Theme) {
    document.documentElement.dataset.theme = theme
    button.ariaLabel = `Theme: ${theme}`
    button.title = button.ariaLabel
  }
  show(stored.get())

  button.addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(stored.get()) + 1) % THEMES.length] ?? 'system'
    stored.set(next)
    show(next)
  })
}
