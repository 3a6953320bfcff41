import type { Line } from '../core/line.ts'
import { element } from './element.ts'

const LIMIT = 1000

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})

/** The last 1000 lines. It follows the newest one unless somebody has scrolled up to read. */
export function createLog() {
  const log = element('#log', HTMLElement)
  const lines = element('#log ol', HTMLOListElement)

  // So that the arrow keys can scroll it in every browser.
  log.tabIndex = 0

  // Who is above the end that this log last scrolled to has scrolled up; being above the present one can be a resize.
  let end = 0
  const isFollowing = () => log.scrollTop >= Math.min(end, log.scrollHeight - log.clientHeight) - 1

  function follow() {
    log.scrollTop = log.scrollHeight
    end = log.scrollTop
  }

  // Measuring and scrolling at every single line would make a flood of messages slow.
  let isFrameAwaited = false
  function followInNextFrame() {
    if (isFrameAwaited) return
    isFrameAwaited = true
    const following = isFollowing()
    requestAnimationFrame(() => {
      isFrameAwaited = false
      if (following) follow()
    })
  }

  new ResizeObserver(() => isFollowing() && follow()).observe(log)

  return {
    add(line: Line, at = new Date()) {
      followInNextFrame()
      lines.append(render(line, at))
      if (lines.childElementCount > LIMIT) lines.firstElementChild?.remove()
    },
  }
}

function render(line: Line, at: Date): HTMLLIElement {
  const time = document.createElement('time')
  time.dateTime = at.toISOString()
  time.textContent = clock.format(at)

  const text = document.createElement('span')
  text.textContent = line.text
  if (line.message !== undefined) {
    const message = document.createElement('code')
    message.textContent = line.message
    text.append(message)
  }

  const item = document.createElement('li')
  item.dataset.kind = line.kind
  item.append(time, ' ', text)
  return item
}
