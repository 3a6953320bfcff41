import { describe, inject } from 'vitest'
import { describeEcho } from '../suite/echo.ts'

const stack = inject('stack')

describe.skipIf(!stack)('through NGINX', () => {
  const { page = '', ws = '' } = stack ?? {}
  const pageWs = page.replace('http:', 'ws:')
  describeEcho('on port 7777', () => ({ url: ws, prefix: '[RE]: ' }))
  describeEcho('on port 7777, verbatim', () => ({ url: `${ws}raw`, prefix: '' }))
  describeEcho('on the page’s port', () => ({ url: `${pageWs}ws`, prefix: '[RE]: ' }))
  describeEcho('on the page’s port, verbatim', () => ({ url: `${pageWs}raw`, prefix: '' }))
})
