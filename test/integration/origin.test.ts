import { expect, test } from 'vitest'
import { connectRaw } from '../suite/raw-client.ts'
import { serve } from './serve.ts'

const statusFor = async (url: string, headers: Record<string, string>) =>
  Number((await connectRaw(url, headers)).head.split(' ')[1])

test('every origin is allowed by default', async () => {
  const { url } = await serve()
  expect(await statusFor(url, {})).toBe(101)
  expect(await statusFor(url, { Origin: 'null' })).toBe(101)
  expect(await statusFor(url, { Origin: 'https://anywhere.example' })).toBe(101)
})

test('ALLOWED_ORIGINS allows exact matches and clients without an origin', async () => {
  const { url } = await serve({ ALLOWED_ORIGINS: 'https://a.example' })
  expect(await statusFor(url, {})).toBe(101)
  expect(await statusFor(url, { Origin: 'https://a.example' })).toBe(101)
  expect(await statusFor(url, { Origin: 'https://a.example:8443' })).toBe(403)
  expect(await statusFor(url, { Origin: 'https://b.a.example' })).toBe(403)
  expect(await statusFor(url, { Origin: 'null' })).toBe(403)
})

test.for(['GET', 'OPTIONS'])('a plain %s gets the refusal that the handshake would get', async method => {
  const { http } = await serve({ ALLOWED_ORIGINS: 'https://a.example' })
  const response = await fetch(http, { method, headers: { Origin: 'https://b.example' } })
  expect(response.status).toBe(403)
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  expect(await response.text()).toContain('https://b.example')
})

test('a handshake from another origin is refused on every path', async () => {
  const { url } = await serve({ ALLOWED_ORIGINS: 'https://a.example' })
  for (const path of ['healthz', 'raw', 'any/path']) {
    expect(await statusFor(url + path, { Origin: 'https://b.example' })).toBe(403)
  }
})
