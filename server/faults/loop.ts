import type { Scheduler } from '../wire/scheduler.ts'

/**
 * Creates a function that runs a step per call. A step may call it again, directly or later, any number of times: the
 * call stack does not grow, and once the time slice is over, the next step waits for the scheduler.
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
