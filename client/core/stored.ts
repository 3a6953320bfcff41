/** A value that survives a reload if the browser permits storage. */
export type Stored<T> = {
  get(): T
  set(value: T): void
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
      if (!storage) return
      try {
        storage.setItem(key, JSON.stringify(value))
        unsaved = undefined
      } catch {
        // Storage is denied or full.
      }
    },
  }
}
