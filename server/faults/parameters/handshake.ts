import { oneOf } from '../../config/values.ts'
import { offeredBy } from '../offered.ts'
import { defineParameter } from '../parameter.ts'

export const handshake = defineParameter<'wrong-accept' | 'wrong-subprotocol'>({
  name: 'handshake',
  group: 'handshake',
  label: 'Make the 101 invalid',
  hint: 'clients must refuse it',
  sentence: 'the 101 is invalid, so clients must refuse it',
  example: 'wrong-accept',
  values: {
    'wrong-accept': 'the 101 has a wrong `Sec-WebSocket-Accept`, so clients must refuse it',
    'wrong-subprotocol': 'the 101 names a subprotocol that the client did not offer, so clients must refuse it',
  },
  parse: oneOf('wrong-accept', 'wrong-subprotocol'),
  amend(kind, { headers }, request) {
    if (kind === 'wrong-accept') headers.set('Sec-WebSocket-Accept', Buffer.alloc(20).toString('base64'))
    else headers.set('Sec-WebSocket-Protocol', `not-${offeredBy(request).join('-') || 'offered'}`)
  },
})
