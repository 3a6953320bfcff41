import { expect, test } from 'vitest'
import { createHexView } from '../../client/core/hex-view.ts'

test('has rows of sixteen bytes', () => {
  const view = createHexView(Uint8Array.from({ length: 18 }, (_, i) => i + 60))
  expect(view.rows).toBe(2)
  expect(view.row(0)).toEqual({
    offset: '00000000',
    hex: '3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b'.split(' '),
    text: '<=>?@ABCDEFGHIJK',
  })
  expect(view.row(1)).toEqual({ offset: '00000010', hex: ['4c', '4d'], text: 'LM' })
})

test('shows text as its bytes in UTF-8', () => {
  expect(createHexView('é\n').row(0)).toEqual({ offset: '00000000', hex: ['c3', 'a9', '0a'], text: '...' })
})

test('of an empty message has no rows', () => {
  expect(createHexView('').rows).toBe(0)
})

test('may have another width', () => {
  const view = createHexView(new Uint8Array(16 * 1024 * 1024), 8)
  expect(view.rows).toBe(2 * 1024 * 1024)
  expect(view.row(view.rows - 1)).toEqual({ offset: '00fffff8', hex: Array(8).fill('00'), text: '........' })
})
