import { describe, inject } from 'vitest'
import { describeFrames } from '../suite/frames.ts'

const stack = inject('stack')

describe.skipIf(!stack)('through NGINX', () => {
  describeFrames('on port 7777', () => `${stack?.ws}raw`)
  describeFrames('on the page’s port', () => `${stack?.page.replace('http:', 'ws:')}raw`)
})
