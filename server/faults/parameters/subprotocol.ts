import { printable } from '../../log.ts'
import { offeredBy } from '../offered.ts'
import { defineParameter } from '../parameter.ts'

export const subprotocol = defineParameter({
  name: 'subprotocol',
  group: 'handshake',
  label: 'Choose this subprotocol',
  hint: 'one that the client offers',
  sentence: 'the server chooses this subprotocol, which the client must have offered; an empty value selects none',
  example: 'chat',
  empty: 'No subprotocol',
  parse: String,
  answer(chosen, request) {
    const offered = offeredBy(request)
    if (chosen === '' || offered.includes(chosen)) return undefined
    const body = printable(`subprotocol=${chosen}: the client offers ${offered.join(', ') || 'no subprotocols'}`)
    return { reason: 'query', status: 400, body }
  },
})
