import { expect, test } from 'vitest'
import { checkInternals, InternalsError } from '../../server/wire/internals.ts'

test('this version of ws and Node.js has the parts that the server needs', () => {
  expect(() => checkInternals()).not.toThrow()
})

test('missing parts stop the start with one error that names them all', () => {
  const broken = () => {
    throw new TypeError('undefined is not a function')
  }
  const check = () =>
    checkInternals({ 'a renamed private': () => false, 'another one': broken, 'one that is there': () => true })
  expect(check).toThrow(InternalsError)
  expect(check).toThrow(/lacks parts that the server needs: a renamed private, another one\. Run npm ci\.$/)
})
