import type { RepeatSettings } from '../core/repeat-fields.ts'
import type { RepeatState, SessionState } from '../core/session.ts'
import { element } from './element.ts'
import { addMarkup } from './markup.ts'
import type { Menus, MenusOptions } from './menus.ts'

const NAMES = ['saved', 'repeat', 'export'] as const

/** Loads the menus when one of them is opened for the first time. */
export function createMenuLoader(root: ParentNode, options: MenusOptions) {
  const toggle = element(root, '#repeat-toggle', HTMLButtonElement)
  let menus: Menus | undefined
  let loading: Promise<Menus> | undefined
  let state: SessionState | undefined
  let repeat: RepeatState | undefined
  let settings: RepeatSettings | undefined

  async function open(name: (typeof NAMES)[number], menu: HTMLElement) {
    try {
      loading ??= Promise.all([import('./menus.ts'), addMarkup(root, 'menus.html')]).then(async ([{ createMenus }]) => {
        const created = await createMenus(root, options)
        created.repeat.fill(settings)
        return created
      })
      menus = await loading
    } catch {
      loading = undefined
      return options.notice('The menu could not be loaded. Is the server of this page running?')
    }
    if (state) menus.repeat.show(state)
    menus.repeat.progress(repeat)
    menu.showPopover({ source: element(root, `#${name}-toggle`, HTMLButtonElement) })
  }

  for (const name of NAMES) {
    const menu = element(root, `#${name}`, HTMLElement)
    menu.addEventListener('beforetoggle', event => {
      if (menus || event.newState === 'closed') return
      // Until then, its forms would load the page anew.
      event.preventDefault()
      void open(name, menu)
    })
  }

  return {
    /** The settings of the form that repeats a message. */
    read: () => (menus ? menus.repeat.read() : settings),
    fill(next: RepeatSettings | undefined) {
      settings = next
      menus?.repeat.fill(next)
    },
    show(next: SessionState) {
      state = next
      menus?.repeat.show(next)
    },
    progress(next: RepeatState | undefined) {
      repeat = next
      toggle.classList.toggle('running', next !== undefined)
      element(toggle, 'span', HTMLElement).textContent = next ? 'Repeating' : 'Repeat'
      menus?.repeat.progress(next)
    },
  }
}
