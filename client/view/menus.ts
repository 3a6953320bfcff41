import { createRepeatForm, type RepeatFormOptions } from './repeat-form.ts'
import { createSaved, type SavedOptions } from './saved.ts'
import { savedMessages } from './saved-store.ts'

export type Menus = ReturnType<typeof createMenus>

export type MenusOptions = RepeatFormOptions & SavedOptions

/** Creates the menus of the message field. Loaded on demand, because the page begins without them. */
export function createMenus(root: ParentNode, options: MenusOptions) {
  createSaved(root, savedMessages, options)
  return { repeat: createRepeatForm(root, options) }
}
