import type { SavedMessages } from '../core/saved-messages.ts'
import { createRepeatForm, type RepeatFormOptions } from './repeat-form.ts'
import { createSaved, type SavedOptions } from './saved.ts'

export type Menus = ReturnType<typeof createMenus>

export type MenusOptions = RepeatFormOptions & SavedOptions & { saved: SavedMessages }

/** Creates the menus of the message field. Loaded on demand, because the page begins without them. */
export function createMenus(root: ParentNode, options: MenusOptions) {
  createSaved(root, options.saved, options)
  return { repeat: createRepeatForm(root, options) }
}
