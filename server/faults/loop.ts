/**
 * Makes a function that takes a step each time it is called. A step may call it again, at once or later, as often as it
 * likes: the stack doesn't grow.
 */
export function createLoop(step: () => void): () => void {
  let isRunning = false
  let isWanted = false
  return () => {
    isWanted = true
    if (isRunning) return
    isRunning = true
    while (isWanted) {
      isWanted = false
      step()
    }
    isRunning = false
  }
}
