import type { LogStore } from '../core/log-store.ts'
import type { TabVariables } from './variables.ts'

export type LoadVariables = () => Promise<TabVariables>

/** Returns a function that loads the variables of a tab. It throws if the page's server does not answer. */
export function createVariableLoader(log: LogStore): LoadVariables {
  let loading: Promise<TabVariables> | undefined
  return async () => {
    try {
      loading ??= import('./side-parts.ts').then(module => module.createTabVariables(log))
      return await loading
    } catch (error) {
      loading = undefined
      throw error
    }
  }
}
