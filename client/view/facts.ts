import { formatSize } from '../core/bytes.ts'
import type { Facts } from '../core/connection.ts'
import { count } from '../core/count.ts'
import { element } from './element.ts'

const INTERVAL = 500

const clock = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** Shows facts about the connection. Updates while visible. */
export function createFacts(root: ParentNode, facts: () => Facts) {
  const values = {
    'connected-to': element(root, '#connected-to', HTMLElement),
    since: element(root, '#since', HTMLElement),
    protocol: element(root, '#protocol', HTMLElement),
    extensions: element(root, '#extensions', HTMLElement),
    sent: element(root, '#sent', HTMLElement),
    received: element(root, '#received', HTMLElement),
    buffered: element(root, '#buffered', HTMLElement),
  }
  let timer: ReturnType<typeof setInterval> | undefined

  function show() {
    const { url, since, protocol, extensions, sent, received, bufferedAmount } = facts()
    const isOpened = since !== undefined
    write({
      'connected-to': url || '–',
      since: isOpened ? clock.format(since) : '–',
      protocol: protocol || (isOpened ? 'none' : '–'),
      extensions: extensions || (isOpened ? 'none' : '–'),
      sent: describe(sent),
      received: describe(received),
      buffered: formatSize(bufferedAmount),
    })
  }

  function write(texts: Record<keyof typeof values, string>) {
    for (const [name, text] of Object.entries(texts) as [keyof typeof values, string][]) {
      if (values[name].textContent !== text) values[name].textContent = text
    }
  }

  return {
    show,
    setVisible(isVisible: boolean) {
      clearInterval(timer)
      if (!isVisible) return
      show()
      timer = setInterval(show, INTERVAL)
    },
  }
}

const describe = ({ messages, bytes }: { messages: number; bytes: number }): string =>
  `${count(messages, 'message')}, ${formatSize(bytes)}`
