import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createOutput, unmaskInto } from '../../server/wire/masking.ts'

test('unmasks any bytes to any place, from any phase of the mask, and changes nothing else', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat(20),
      fc.nat(20),
      fc.nat(3),
      (payload, mask, targetAt, sourceAt, phase) => {
        const masked = payload.map((byte, i) => byte ^ (mask[(phase + i) & 3] ?? 0))
        const source = Buffer.concat([Buffer.alloc(sourceAt), masked, Buffer.alloc(3)])
        const output = createOutput(targetAt + payload.length + 9)
        output.bytes.fill(7)
        const masks = Buffer.concat([Buffer.of(0), mask])
        const isAscii = unmaskInto(output, targetAt, source, sourceAt, payload.length, masks, 1, phase)

        const end = targetAt + payload.length
        expect(output.bytes.subarray(targetAt, end).equals(payload)).toBe(true)
        for (const outside of [output.bytes.subarray(0, targetAt), output.bytes.subarray(end)]) {
          expect(outside.every(byte => byte === 7)).toBe(true)
        }
        if (isAscii) expect(payload.every(byte => byte < 0x80)).toBe(true)
      },
    ),
    { numRuns: 2000 },
  )
})
