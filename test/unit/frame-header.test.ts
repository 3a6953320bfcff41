import { expect, test } from 'vitest'
import { sizeOfFrame, writeHeader } from '../../server/wire/frame-header.ts'

test.for([
  [0, '8200'],
  [1, '8201'],
  [125, '827d'],
  [126, '827e007e'],
  [65_535, '827effff'],
  [65_536, '827f0000000000010000'],
  [2 ** 32 + 5, '827f0000000100000005'],
  [2 ** 48 - 1, '827f0000ffffffffffff'],
] as const)('the header of %i bytes has the shortest form of their length', ([length, hex]) => {
  const target = Buffer.alloc(20, 0xaa)
  const end = writeHeader(target, 3, 0x82, length)
  expect(target.toString('hex', 3, end)).toBe(hex)
  expect(target.toString('hex', 0, 3)).toBe('aaaaaa')
  expect(target[end]).toBe(0xaa)
  expect(sizeOfFrame(length)).toBe(length + hex.length / 2)
})
