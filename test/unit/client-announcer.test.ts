import { beforeEach, expect, test, vi } from 'vitest'
import { createLogStore } from '../../client/core/log-store.ts'
import { createAnnouncer } from '../../client/view/announcer.ts'

const region = { textContent: '' } as HTMLElement

beforeEach(() => {
  vi.useFakeTimers()
  region.textContent = ''
  return () => vi.useRealTimers()
})

test('announces one message immediately, and the next one after a second', () => {
  const log = createLogStore()
  createAnnouncer(region).follow(log)
  log.add({ type: 'sent', message: 'hello' })
  expect(region.textContent).toBe('Sending to the server => hello')
  log.add({ type: 'received', message: '[RE]: hello' })
  vi.advanceTimersByTime(999)
  expect(region.textContent).toBe('Sending to the server => hello')
  vi.advanceTimersByTime(1)
  expect(region.textContent).toBe('Received from the server => [RE]: hello')
})

test('announces a flood once per second: messages as counts, other events in full', () => {
  const log = createLogStore({ limit: 50 })
  createAnnouncer(region).follow(log)
  log.add({ type: 'connected', protocol: '', extensions: '' })
  for (let i = 0; i < 20; i++) {
    log.add({ type: 'sent', message: 'a' })
    log.add({ type: 'received', message: 'a' })
  }
  log.add({ type: 'error', problem: 'no way' })
  vi.advanceTimersByTime(1000)
  expect(region.textContent).toBe('20 received, 20 sent\nError: no way')
})

test('does not announce filtering, clearing, or older entries', () => {
  const log = createLogStore()
  log.add({ type: 'sent', message: 'before' })
  createAnnouncer(region).follow(log)
  log.filter('sent', '')
  log.clear()
  vi.advanceTimersByTime(5000)
  expect(region.textContent).toBe('')
})

test('stops announcing the previous log', () => {
  const [first, second] = [createLogStore(), createLogStore()]
  const announcer = createAnnouncer(region)
  announcer.follow(first)
  first.add({ type: 'sent', message: 'a' })
  first.add({ type: 'sent', message: 'b' })
  announcer.follow(second)
  second.add({ type: 'sent', message: 'c' })
  first.add({ type: 'sent', message: 'd' })
  vi.advanceTimersByTime(5000)
  expect(region.textContent).toBe('Sending to the server => c')
})
