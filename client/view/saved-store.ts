import { createSavedMessages, parseSavedMessages } from '../core/saved-messages.ts'
import { createStored } from '../core/stored.ts'
import { openStorage } from './storage.ts'

/** The saved messages of all tabs. Loaded on demand, because the page begins without them. */
export const savedMessages = createSavedMessages(
  createStored(openStorage('localStorage'), 'websocket-echo-saved', parseSavedMessages),
)
