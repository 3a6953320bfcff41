import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'puppeteer-core'
import { beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { browserNames, findBrowser, launchBrowser } from './browser.ts'
import { openTester, type Tester } from './tester.ts'

const stack = inject('stack')
const { page: address = '', ws = '' } = stack ?? {}

describe.for(browserNames)('the page in %s', { skip: !stack }, name => {
  describe.skipIf(!findBrowser(name))('', () => {
    let browser: Browser
    let page: Page
    let tester: Tester

    beforeAll(async () => {
      browser = await launchBrowser(name)
      return () => browser.close()
    })

    beforeEach(async () => {
      tester = await openTester(browser, address)
      page = tester.page
      return () => page.close()
    })

    test('connects when it is loaded, sends, and shows the reply', async () => {
      await tester.visit()
      await tester.logged('Connected to the websocket server…')
      await page.type('#message', 'hello')
      await page.click('#send')
      await tester.logged('Sending to the server => hello')
      await tester.logged('Received from the server => [RE]: hello')
      expect(await tester.typed()).toBe('')
      expect(await page.$eval('#message', field => field === document.activeElement)).toBe(true)
      expect(await tester.log()).toMatch(/\d\d:\d\d:\d\d\.\d\d\d/)
      expect(tester.complaints).toEqual([])
    })

    test('is loaded whatever the query of its address', async () => {
      await page.goto(`${address}?after=5`)
      await tester.inState('Connected')
      expect(tester.complaints).toEqual([])
    })

    test('sends with Enter without reloading', async () => {
      await tester.visit()
      await tester.send('first')
      await tester.logged('[RE]: first')
      await tester.send('second')
      await tester.logged('[RE]: second')
      expect(await tester.log()).toContain('[RE]: first')
    })

    test('disconnects, keeps text typed while disconnected, and reconnects', async () => {
      await tester.visit()
      await page.click('#disconnect')
      await tester.logged('Server disconnected…')
      await tester.inState('Disconnected')
      expect(await tester.log()).toContain('1000')
      await page.type('#message', 'kept')
      expect(await tester.typed()).toBe('kept')
      expect(await tester.log()).not.toContain('kept')
      await page.click('#connect')
      await tester.inState('Connected')
      await page.focus('#message')
      await page.keyboard.press('Enter')
      await tester.logged('[RE]: kept')
      expect(tester.complaints).toEqual([])
    })

    test('a double click on DISCONNECT disconnects, and one on CONNECT connects', async () => {
      await tester.visit()
      await page.click('#disconnect', { count: 2 })
      await tester.logged('Server disconnected…')
      await tester.inState('Disconnected')
      await page.click('#connect', { count: 2 })
      await tester.inState('Connected')
      await tester.send('hello')
      await tester.logged('[RE]: hello')
      expect((await tester.log()).match(/Connected to the websocket server…/g)).toHaveLength(2)
    })

    test('shows markup as text', async () => {
      await tester.visit()
      await tester.send('<img src=x onerror=alert(1)><b>bold</b>')
      await tester.logged('[RE]: <img src=x onerror=alert(1)><b>bold</b>')
      expect(await page.$('#log b, #log img')).toBeNull()
      expect(tester.complaints).toEqual([])
    })

    test('connects to another server, and shows its close code and reason', async () => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
      onTestFinished(() => {
        for (const client of server.clients) client.terminate()
        server.close()
      })
      server.on('connection', socket => {
        socket.send(Buffer.from([0, 255]))
        socket.on('message', () => socket.close(4321, 'because'))
      })
      await tester.visit()
      await page.click('#url', { count: 3 })
      await page.keyboard.type(`ws://127.0.0.1:${(server.address() as { port: number }).port}/`)
      expect(await tester.text('#connect')).toBe('RECONNECT')
      await page.click('#connect')
      await tester.logged('2 bytes')
      expect(await tester.log()).toContain('00 ff')
      await tester.send('bye')
      await tester.logged('4321')
      expect(await tester.log()).toContain('because')
    })

    test('reports an invalid address, and can connect afterwards', async () => {
      await tester.visit()
      await page.click('#disconnect')
      await tester.inState('Disconnected')
      await tester.fill('#url', 'not an address')
      await page.click('#connect')
      await tester.logged('Error: "not an address"')
      await tester.fill('#url', ws)
      await page.click('#connect')
      await tester.inState('Connected')
      await tester.send('hello')
      await tester.logged('[RE]: hello')
      expect(tester.complaints).toEqual([])
    })

    // Firefox takes the colour scheme from its profile, so only Chromium tests both.
    test.for(name === 'chrome' ? ['light', 'dark'] : ['light'])(
      'has no accessibility violations in any state (%s)',
      async scheme => {
        if (name === 'chrome') await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
        await tester.visit()
        expect(await tester.violations()).toEqual([])
        await tester.send('hello')
        await tester.logged('[RE]: hello')
        expect(await tester.violations()).toEqual([])
        await page.click('#log li:last-child .words')
        await tester.openAll(async () => expect(await tester.violations()).toEqual([]))
        await tester.openMenu('saved')
        await tester.fill('#save-name', 'saved')
        await page.click('#save button')
        await page.keyboard.press('Escape')
        await tester.openPart('connection')
        await tester.fill('#close-code', '1')
        await tester.chooseFormat('hex')
        await tester.fill('#message', 'not hex')
        await tester.says('#message-problem', 'Not valid hex')
        expect(await tester.violations()).toEqual([])
        await tester.fill('#close-code', '1000')
        await page.click('#disconnect')
        await tester.inState('Disconnected')
        await tester.fill('#url', 'bad')
        await page.click('#connect')
        await tester.logged('Error')
        expect(await tester.violations()).toEqual([])
      },
    )

    test('fits a width of 360 pixels', async () => {
      await page.setViewport({ width: 360, height: 640 })
      await tester.visit()
      await tester.send('a'.repeat(500))
      await tester.logged('[RE]: aaa')
      const width = () => page.evaluate(() => document.documentElement.scrollWidth)
      expect(await width()).toBeLessThanOrEqual(360)
      const fits = async () => expect(await width()).toBeLessThanOrEqual(360)
      await tester.openAll(fits)
      await page.click('#new-tab')
      await tester.openAll(fits)
    })

    test('a foreign page, opened from a file, reaches the server too', async () => {
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
