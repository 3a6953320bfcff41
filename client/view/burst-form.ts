import { type BurstOptions, type BurstProgress, checkBurst } from '../core/burst.ts'
import { separated } from '../core/count.ts'
import type { SessionState } from '../core/session.ts'
import { element } from './element.ts'

/** Controls the form that starts and stops a burst. */
export function createBurstForm(
  root: ParentNode,
  { onStart, onStop }: { onStart: (options: BurstOptions) => void; onStop: () => void },
) {
  const form = element(root, '#burst', HTMLFormElement)
  const start = element(root, '#burst-start', HTMLButtonElement)
  const stop = element(root, '#burst-stop', HTMLButtonElement)
  const text = element(root, '#burst-progress', HTMLElement)
  const problem = element(root, '#burst-problem', HTMLElement)
  const field = (name: string) => element(form, `#burst-${name}`, HTMLInputElement)

  form.addEventListener('submit', event => {
    event.preventDefault()
    const options = checkBurst({
      count: field('count').value,
      size: field('size').value,
      inFlight: field('in-flight').value,
      rate: field('rate').value,
      isBinary: field('binary').checked,
    })
    problem.textContent = 'problem' in options ? options.problem : ''
    if ('problem' in options) return
    progress({ sent: 0, answered: 0, count: options.count })
    onStart(options)
  })
  stop.addEventListener('click', onStop)

  function progress(now: BurstProgress | undefined) {
    const hadFocus = document.activeElement === start || document.activeElement === stop
    start.hidden = now !== undefined
    stop.hidden = now === undefined
    if (now) text.textContent = describe(now)
    if (hadFocus) (now ? stop : start).focus()
  }

  return {
    progress,
    show({ connection }: SessionState) {
      start.disabled = connection !== 'connected'
    },
  }
}

function describe({ sent, count, answered }: BurstProgress): string {
  return `${separated(sent)} of ${separated(count)} sent, ${separated(answered)} answered`
}
