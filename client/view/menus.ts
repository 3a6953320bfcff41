import { createExportForm, type ExportOptions } from './export-form.ts'
import { createRepeatForm, type RepeatFormOptions } from './repeat-form.ts'
import { createSaved, type SavedOptions } from './saved.ts'
import { savedMessages } from './saved-store.ts'
import { addStyleSheet } from './style-sheet.ts'

export type Menus = Awaited<ReturnType<typeof createMenus>>

export type MenusOptions = RepeatFormOptions & SavedOptions & ExportOptions

/** Creates the menus. Loaded on demand, because the page begins without them. */
export async function createMenus(root: ParentNode, options: MenusOptions) {
  await addStyleSheet('side-parts.css')
  createExportForm(root, options)
  createSaved(root, savedMessages, options)
  return { repeat: createRepeatForm(root, options) }
}
