import { separated } from '../core/count.ts'
import {
  checkRepeat,
  isDefault,
  parseRepeatSettings,
  type RepeatFields,
  type RepeatSettings,
} from '../core/repeat-fields.ts'
import type { RepeatState, SessionRepeat, SessionState } from '../core/session.ts'
import { capture, type MessageSource } from './capture.ts'
import { element } from './element.ts'

export type RepeatFormOptions = MessageSource & {
  onStart: (repeat: SessionRepeat) => void
  onStop: () => void
  onEdit: () => void
}

const IDS: Record<keyof RepeatFields, string> = {
  count: '#repeat-count',
  seconds: '#repeat-seconds',
  inFlight: '#repeat-in-flight',
}

/** Controls the form that sends the message in the field again and again. */
export function createRepeatForm(root: ParentNode, { onStart, onStop, onEdit, ...source }: RepeatFormOptions) {
  const form = element(root, '#repeat-form', HTMLFormElement)
  const start = element(root, '#repeat-start', HTMLButtonElement)
  const stop = element(root, '#repeat-stop', HTMLButtonElement)
  const text = element(root, '#repeat-progress', HTMLElement)
  const problem = element(root, '#repeat-problem', HTMLElement)
  const atConnect = element(root, '#repeat-at-connect', HTMLInputElement)
  const field = (name: keyof RepeatFields) => element(form, IDS[name], HTMLInputElement)
  /** The message that is repeated, in short. */
  let subject = ''
  let isConnected = false

  function showProblem(words: string, at?: keyof RepeatFields) {
    problem.textContent = words
    for (const name of Object.keys(IDS) as (keyof RepeatFields)[]) field(name).ariaInvalid = String(name === at)
  }

  const allow = () => {
    start.disabled = !isConnected && !atConnect.checked
  }

  const typed = (): RepeatFields => ({
    count: field('count').value,
    seconds: field('seconds').value,
    inFlight: field('inFlight').value,
  })

  form.addEventListener('submit', event => {
    event.preventDefault()
    const options = checkRepeat(typed())
    if ('problem' in options) return showProblem(options.problem, options.field)
    const captured = capture(source)
    if ('problem' in captured) return showProblem(captured.problem)
    showProblem('')
    subject = captured.subject
    onStart({ ...options, create: captured.create, isAtConnect: atConnect.checked })
  })
  form.addEventListener('input', () => {
    showProblem('')
    onEdit()
  })
  atConnect.addEventListener('change', allow)
  stop.addEventListener('click', onStop)

  return {
    /** Returns `undefined` while the form is as the page begins with it. */
    read(): RepeatSettings | undefined {
      const settings = { ...typed(), isAtConnect: atConnect.checked }
      return isDefault(settings) ? undefined : settings
    },

    /** Fills the form with stored settings, and starts nothing. */
    fill(stored: RepeatSettings | undefined) {
      const settings = parseRepeatSettings(stored)
      for (const name of Object.keys(IDS) as (keyof RepeatFields)[]) field(name).value = settings[name]
      atConnect.checked = settings.isAtConnect
      allow()
    },

    progress(now: RepeatState | undefined) {
      const hadFocus = document.activeElement === start || document.activeElement === stop
      start.hidden = now !== undefined
      stop.hidden = now === undefined
      if (now) text.textContent = describe(now, subject)
      else if (text.textContent?.startsWith(WAITING)) text.textContent = ''
      if (hadFocus) (now ? stop : start).focus()
    },

    show({ connection }: SessionState) {
      isConnected = connection === 'connected'
      allow()
    },
  }
}

const WAITING = 'Starts when it connects.'

function describe({ sent, count, answered, isWaiting }: RepeatState, subject: string): string {
  const of = Number.isFinite(count) ? ` of ${separated(count)}` : ''
  return isWaiting
    ? `${WAITING} ${subject}`
    : `${subject}: ${separated(sent)}${of} sent, ${separated(answered)} answered`
}
