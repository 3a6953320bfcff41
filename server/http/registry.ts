import type { Config } from '../config/config.ts'
import type { Session } from '../connection/session.ts'
import { createPlan, type Plan } from '../faults/plan.ts'
import { Budget, type Holder } from '../wire/budget.ts'

/** The open connections and sessions of a server, oldest first, and the state that they share. */
export class Registry extends Set<Session> {
  /** Handshakes that wait for the backend, or for their `handshake-delay`. */
  readonly delayed = new Set<Holder>()
  /** The connections to the backend. */
  readonly upstreams = new Set<Session>()
  /** The memory budget of all peers. */
  readonly budget: Budget
  lastId = 0
  /** Whether the server is shutting down. */
  isClosing = false
  /** Decides which connection gets which faults. */
  readonly plan: Plan

  constructor(config: Pick<Config, 'faults' | 'memoryBudget' | 'redirectHosts'>) {
    super()
    this.plan = createPlan(config)
    this.budget = new Budget(config.memoryBudget, () => [...this, ...this.delayed, ...this.upstreams])
  }

  /** Whether no connection is left. */
  get isEmpty(): boolean {
    return this.size + this.upstreams.size === 0
  }
}
