import type { Connection } from '../connection/connection.ts'
import type { Written } from '../faults/parameters.ts'
import { Budget, type Holder } from '../wire/budget.ts'

/** The connections that a server has, oldest first, and what holds for those to come. */
export class Registry extends Set<Connection> {
  /** The handshakes that are answered late. */
  readonly delayed = new Set<Holder>()
  /** The memory that all peers share. */
  readonly budget: Budget
  lastId = 0
  /** Whether the server has begun to close. */
  isClosing = false
  /** What new connections ask for where their query doesn't, as it would be written there. */
  defaultFaults: Written = {}

  /** @param memoryBudget bytes that peers together may make the server keep */
  constructor(memoryBudget: number) {
    super()
    this.budget = new Budget(memoryBudget, () => [...this, ...this.delayed])
  }
}
