/** A value that outlasts the page where the browser lets it. */
export type Stored<T> = {
  get(): T
  set(value: T): void
}

/**
 * Keeps a value as JSON under a key, and in memory where that fails. Never throws, provided that `parse` takes anything:
 * it gets `undefined` when there is nothing, or nothing that is JSON.
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
    // Read anew each time: another tab may have written.
    get: () => (unsaved ? unsaved.value : parse(read())),

    set(value) {
      unsaved = { value }
      if (!storage) return
      try {
        storage.setItem(key, JSON.stringify(value))
        unsaved = undefined
      } catch {
        // Denied or full.
      }
    },
  }
}
