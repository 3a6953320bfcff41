import { Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'
import { location } from './location.ts'

const STATUSES = [301, 302, 303, 307, 308]

export const redirect = defineParameter({
  name: 'redirect',
  group: 'handshake',
  label: 'Redirect with this status',
  hint: '301, 302, 303, 307 or 308',
  sentence: 'the handshake is redirected to `location` with this status: 301, 302, 303, 307 or 308',
  example: '307',
  parse(text) {
    const status = STATUSES.find(status => `${status}` === text)
    if (status === undefined) throw new Unexpected(`one of ${STATUSES.join(', ')}`)
    return status
  },
  isEnding: true,
  needs: ['location'],
  recorded: 'later',
  answer(status, _, faults) {
    const target = faults.get(location) ?? ''
    const problem = `Redirected with ${status} to ${target} because of redirect=${status}`
    return { reason: 'asked', status, headers: { Location: target }, body: problem, problem }
  },
})
