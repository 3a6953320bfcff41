import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'puppeteer-core'
import { beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { browserNames, findBrowser, launchBrowser } from './browser.ts'

declare global {
  interface Window {
    axe: typeof import('axe-core')
  }
}

const stack = inject('stack')
const { page: address = '', ws = '' } = stack ?? {}
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe.for(browserNames)('the page in %s', { skip: !stack }, name => {
  describe.skipIf(!findBrowser(name))('', () => {
    let browser: Browser
    let page: Page
    let complaints: string[]

    beforeAll(async () => {
      browser = await launchBrowser(name)
      return () => browser.close()
    })

    beforeEach(async () => {
      page = await browser.newPage()
      complaints = []
      page.on('console', message => {
        if (['error', 'warn'].includes(message.type())) complaints.push(message.text())
      })
      page.on('pageerror', error => complaints.push(String(error)))
      return () => page.close()
    })

    const log = () => page.$eval('#log', element => (element as HTMLElement).textContent)
    const logged = (text: string) =>
      page.waitForFunction(
        (text: string) => (document.querySelector('#log') as HTMLElement).textContent.includes(text),
        {},
        text,
      )
    const inState = (state: string) =>
      page.waitForFunction(
        (state: string) => document.querySelector('#status')?.textContent?.includes(state) === true,
        {},
        state,
      )
    const visit = async () => {
      await page.goto(address)
      await inState('Connected')
    }
    const type = async (text: string) => {
      await page.type('#message', text)
      await page.keyboard.press('Enter')
    }
    const fillAddress = (address: string) =>
      page.$eval(
        '#url',
        (field, address) => {
          ;(field as HTMLInputElement).value = address
        },
        address,
      )
    const typed = () => page.$eval('#message', field => (field as HTMLInputElement).value)
    const violations = async () => {
      await page.evaluate(axe)
      const found = await page.evaluate(() => window.axe.run())
      return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    }

    test('connects by itself, sends, and shows the answer', async () => {
      await visit()
      await logged('Connected to the websocket server…')
      await page.type('#message', 'hello')
      await page.click('#send')
      await logged('Sending to the server => hello')
      await logged('Received from the server => [RE]: hello')
      expect(await typed()).toBe('')
      expect(await page.$eval('#message', field => field === document.activeElement)).toBe(true)
      expect(await log()).toMatch(/\d\d:\d\d:\d\d\.\d\d\d/)
      expect(complaints).toEqual([])
    })

    test('sends with Enter, without a reload', async () => {
      await visit()
      await type('first')
      await logged('[RE]: first')
      await type('second')
      await logged('[RE]: second')
      expect(await log()).toContain('[RE]: first')
    })

    test('disconnects, keeps what is typed while closed, and connects again', async () => {
      await visit()
      await page.click('#disconnect')
      await logged('Server disconnected…')
      await inState('Disconnected')
      expect(await log()).toContain('1000')
      expect(await page.$eval('#send', button => (button as HTMLButtonElement).disabled)).toBe(true)
      await type('kept')
      expect(await typed()).toBe('kept')
      expect(await log()).not.toContain('kept')
      await page.click('#connect')
      await inState('Connected')
      await page.focus('#message')
      await page.keyboard.press('Enter')
      await logged('[RE]: kept')
      expect(complaints).toEqual([])
    })

    test('a double click on DISCONNECT disconnects, and one on CONNECT connects', async () => {
      await visit()
      await page.click('#disconnect', { count: 2 })
      await logged('Server disconnected…')
      await inState('Disconnected')
      await page.click('#connect', { count: 2 })
      await inState('Connected')
      await type('hello')
      await logged('[RE]: hello')
      expect((await log()).match(/Connected to the websocket server…/g)).toHaveLength(2)
    })

    test('shows markup as text', async () => {
      await visit()
      await type('<img src=x onerror=alert(1)><b>bold</b>')
      await logged('[RE]: <img src=x onerror=alert(1)><b>bold</b>')
      expect(await page.$('#log b, #log img')).toBeNull()
      expect(complaints).toEqual([])
    })

    test('connects to another server, and shows the code and reason it closes with', async () => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
      onTestFinished(() => {
        for (const client of server.clients) client.terminate()
        server.close()
      })
      server.on('connection', socket => {
        socket.send(Buffer.from([0, 255]))
        socket.on('message', () => socket.close(4321, 'because'))
      })
      await visit()
      await page.click('#url', { count: 3 })
      await page.keyboard.type(`ws://127.0.0.1:${(server.address() as { port: number }).port}/`)
      await page.click('#disconnect')
      await inState('Disconnected')
      await page.click('#connect')
      await logged('2 bytes')
      expect(await log()).toContain('00 ff')
      await type('bye')
      await logged('4321')
      expect(await log()).toContain('because')
    })

    test('a bad address gets a clear line and breaks nothing', async () => {
      await visit()
      await page.click('#disconnect')
      await inState('Disconnected')
      await fillAddress('not an address')
      await page.click('#connect')
      await logged('Error: "not an address"')
      await fillAddress(ws)
      await page.click('#connect')
      await inState('Connected')
      await type('hello')
      await logged('[RE]: hello')
      expect(complaints).toEqual([])
    })

    // Firefox takes the scheme from its profile, and its colours are the same.
    test.for(name === 'chrome' ? ['light', 'dark'] : ['light'])('axe finds nothing in any state (%s)', async scheme => {
      if (name === 'chrome') await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
      await visit()
      expect(await violations()).toEqual([])
      await type('hello')
      await logged('[RE]: hello')
      expect(await violations()).toEqual([])
      await page.click('#disconnect')
      await inState('Disconnected')
      await fillAddress('bad')
      await page.click('#connect')
      await logged('Error')
      expect(await violations()).toEqual([])
    })

    test('fits 360 pixels', async () => {
      await page.setViewport({ width: 360, height: 640 })
      await visit()
      await type('a'.repeat(500))
      await logged('[RE]: aaa')
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
    })

    test('a page that is not ours, opened from a file, is served too', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'foreign-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const html = await readFile(new URL('foreign.html', import.meta.url), 'utf8')
      const file = join(folder, 'page.html')
      await writeFile(file, html.replace('ws://localhost:7777', ws))
      await page.goto(pathToFileURL(file).href)
      await page.waitForFunction(() => document.querySelector('#log')?.textContent?.includes('closed'))
      expect(await page.$eval('#log', element => element.textContent)).toBe('open\n[RE]: hello\nclosed 1005\n')
    })
  })
})
