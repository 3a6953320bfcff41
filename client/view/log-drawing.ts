import type { LogStore } from '../core/log-store.ts'
import type { createFollower } from './follower.ts'
import type { Hold } from './log-hold.ts'
import type { createLogWindow } from './log-window.ts'

type DrawingOptions = {
  store: LogStore
  hold: Hold
  window: ReturnType<typeof createLogWindow>
  follower: ReturnType<typeof createFollower>
  /** Called when the store has removed the entries before `oldest`. */
  onForget: (oldest: number) => void
  /** Called after the rows have been drawn. */
  onDraw: () => void
}

/** New rows can be lower than estimated and leave room for more, so drawing repeats up to this many times. */
const MAX_PASSES = 4
const PRINTING = ['beforeprint', 'afterprint'] as const

/** Decides when the lines of a log are drawn: only between `show` and `hide`, and at most once per frame. */
export function createDrawing({ store, hold, window, follower, onForget, onDraw }: DrawingOptions) {
  let state: 'hidden' | 'idle' | 'requested' | 'drawing' = 'hidden'
  let frame = 0
  let oldest = 0
  /** Whether the entries have changed since the last drawing. */
  let isStale = true

  function request() {
    if (state !== 'idle') return
    state = 'requested'
    frame = requestAnimationFrame(draw)
  }

  function update() {
    isStale = true
    request()
  }

  function draw() {
    cancelAnimationFrame(frame)
    state = 'drawing'
    if (isStale) takeOver()
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      window.fit()
      follower.scroll()
      if (!window.draw()) break
    }
    follower.settle()
    onDraw()
    state = 'idle'
  }

  /** Takes over the entries of the store, and forgets what is known about those that it has removed. */
  function takeOver() {
    isStale = false
    follower.keep()
    window.update(store.shown, hold.length(), store.removed > 0)
    const first = store.entries[0]?.id ?? Number.POSITIVE_INFINITY
    if (first === oldest) return
    oldest = first
    window.forget(oldest)
    onForget(oldest)
  }

  function print({ type }: Event) {
    window.setPrinting(type === 'beforeprint')
    isStale = true
    draw()
  }

  return {
    /** Draws at once. */
    draw,
    /** Draws in the next frame. */
    request,
    /** Draws changed entries in the next frame. */
    update,

    show() {
      state = 'idle'
      for (const type of PRINTING) addEventListener(type, print)
      window.setShown(true)
      update()
    },

    hide() {
      follower.keep()
      state = 'hidden'
      for (const type of PRINTING) removeEventListener(type, print)
      cancelAnimationFrame(frame)
      window.setShown(false)
    },
  }
}
