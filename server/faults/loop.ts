import type { Scheduler } from '../wire/scheduler.ts'

/**
 * Makes a function that takes a step each time it is called. A step may call it again, at once or later, as often as it
 * likes: the stack doesn't grow, and when the slice is over the next step waits for its turn.
 */
export function createLoop(step: () => void, scheduler: Scheduler): () => void {
  let state: 'idle' | 'running' | 'waiting' = 'idle'
  let isWanted = false
  const loop = () => {
    isWanted = true
    if (state !== 'idle') return
    state = 'running'
    const sliceEnd = scheduler.sliceEnd()
    while (isWanted) {
      isWanted = false
      step()
      if (isWanted && performance.now() > sliceEnd) {
        state = 'waiting'
        return scheduler.wait(() => {
          state = 'idle'
          loop()
        })
      }
    }
    state = 'idle'
  }
  return loop
}
