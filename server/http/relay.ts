import { verbatim } from '../answerers/echo.ts'
import { createInlet, Side } from '../answerers/relay.ts'
import { type Behaviour, type Link, type Pipe, PlainBehaviour } from '../connection/behaviour.ts'
import type { Faults } from '../faults/faults.ts'
import { Misbehaviour } from '../faults/misbehaviour.ts'
import type { Scheduler } from '../wire/scheduler.ts'

/**
 * Creates the behaviours of the two connections of a relay, that of the client first.
 * @param faults for the messages from the client
 */
export function createRelay(faults: Faults | undefined, scheduler: Scheduler) {
  let near: Side
  let far: Side
  let reporter: Link

  const toBackend = (link: Link): Behaviour => {
    const { answer } = verbatim
    const pipe = faults
      ? new Misbehaviour(link, { faults, answer, hello: undefined, scheduler, reporter })
      : new PlainBehaviour(link, answer)
    far = new Side({ link, pipe, other: () => near })
    return far
  }

  return {
    toBackend,

    /**
     * @param pipe sends to the client
     * @param isLoop whether the pipe also answers, because there is no backend
     */
    toClient(link: Link, pipe: Pipe, isLoop: boolean): Behaviour {
      reporter = link
      near = new Side({ link, pipe, other: () => far, isAlone: isLoop })
      if (isLoop) toBackend(createInlet(link, pipe, () => far))
      return near
    },
  }
}
