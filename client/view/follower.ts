import type { createLogWindow, Place } from './log-window.ts'

const SLACK = 1

/**
 * Decides which part of a log is visible: its end, until the user scrolls up, and then the place where the user is.
 * @param indexOf returns the index of an entry, or of the next one after it
 */
export function createFollower(
  log: HTMLElement,
  window: ReturnType<typeof createLogWindow>,
  indexOf: (id: number) => number,
) {
  let isFollowing = true
  let isPaused = false
  /** The last scroll position while following. */
  let end = 0
  /** The position to restore at the next drawing; `undefined` leaves scrolling to the browser. */
  let place: Place | undefined

  const isAtEnd = () => log.scrollTop >= log.scrollHeight - log.clientHeight - SLACK

  return {
    get isFollowing() {
      return isFollowing
    },

    /** Call this before the rows change. */
    keep() {
      if (!isFollowing) place ??= window.place()
    },

    /** Scrolls to the end or to the place that was kept. */
    scroll() {
      if (isFollowing) {
        window.scrollTo(log.scrollHeight)
        end = log.scrollTop
      } else if (place) window.scrollTo(window.startOf(indexOf(place.id)) + place.within)
    },

    /** Call this after the rows have been drawn. */
    settle() {
      place = undefined
      isFollowing ||= isAtEnd()
    },

    /** Call this when the log has scrolled. */
    scrolled() {
      // Above the last followed position, the user has scrolled up. Above the current end, it may be a resize.
      isFollowing = isAtEnd() || (isFollowing && log.scrollTop >= end - SLACK)
    },

    follow() {
      isFollowing = true
    },

    stop() {
      isFollowing = false
      isPaused = false
    },

    /** Stops following until `resume`. */
    pause() {
      isPaused = isFollowing
      isFollowing = false
    },

    resume() {
      isFollowing ||= isPaused
      isPaused = false
    },

    /** Goes to a place at the next drawing, and stays there. */
    goTo(next: Place) {
      isFollowing = false
      place = next
    },
  }
}
