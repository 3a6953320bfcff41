/** Whether a value was kept for the next visit: if not, storage is full, or the browser blocks it. */
export type Kept = 'kept' | 'full' | 'blocked'

/** A value that survives a reload if the browser permits storage. */
export type Stored<T> = {
  get(): T
  /** Sets the value for this page in any case, and returns whether it was kept for the next visit. */
  set(value: T): Kept
}

/**
 * Stores a value as JSON under a key, or in memory if storage fails. Never throws if `parse` accepts any value; `parse`
 * gets `undefined` if nothing is stored or it is not JSON.
 */
export function createStored<T>(storage: Storage | undefined, key: string, parse: (json: unknown) => T): Stored<T> {
  let unsaved: { value: T } | undefined

  function read(): unknown {
    try {
      return JSON.parse(storage?.getItem(key) ?? '')
    } catch {
      return undefined
    }
  }

  return {
    // Read each time, because another tab may have changed it.
    get: () => (unsaved ? unsaved.value : parse(read())),

    set(value) {
      unsaved = { value }
      if (!storage) return 'blocked'
      try {
        storage.setItem(key, JSON.stringify(value))
        unsaved = undefined
        return 'kept'
      } catch (error) {
        return error instanceof DOMException && error.name === 'QuotaExceededError' ? 'full' : 'blocked'
      }
    },
  }
}

/** Says why a value was not kept, or returns an empty string if it was. */
export function describeKept(kept: Kept): string {
  if (kept === 'kept') return ''
  const reason = kept === 'full' ? "the browser's storage is full" : 'the browser blocks storage'
  return `This is lost when you close or reload the page, because ${reason}.`
}
