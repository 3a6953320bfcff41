import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ElementHandle } from 'puppeteer-core'
import { expect, onTestFinished, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

const MARK = 'The lines above are from before this page was loaded.'

describePage('a session', subject => {
  const rows = () => subject.page.$$eval('#log li .words', all => all.map(row => row.textContent ?? ''))
  const typedIn = (selector: string) => subject.page.$eval(selector, field => (field as HTMLInputElement).value)
  const setStorage = (broken: 'blocked' | 'full') =>
    subject.page.evaluateOnNewDocument(how => {
      if (how === 'blocked') {
        Object.defineProperty(window, 'sessionStorage', {
          get() {
            throw new DOMException('blocked', 'SecurityError')
          },
        })
      } else {
        Storage.prototype.setItem = () => {
          throw new DOMException('full', 'QuotaExceededError')
        }
      }
    }, broken)
  /** Waits until the log will be kept: that code is loaded on demand. */
  const loaded = () =>
    subject.page.waitForFunction(() =>
      performance.getEntriesByType('resource').some(({ name }) => name.includes('log-keeper')),
    )

  /** Clicks a button that saves a file, and returns the file. */
  const saved = (selector: string) =>
    subject.page.evaluate(async selector => {
      const blob = Promise.withResolvers<Blob>()
      const create = URL.createObjectURL
      URL.createObjectURL = object => {
        blob.resolve(object as Blob)
        return create.call(URL, object)
      }
      ;(document.querySelector(selector) as HTMLElement).click()
      return (await blob.promise).text()
    }, selector)

  async function importFile(contents: string) {
    const folder = await mkdtemp(join(tmpdir(), 'import-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'work.json')
    await writeFile(file, contents)
    const picker = (await subject.page.$('#work input')) as ElementHandle<HTMLInputElement>
    await picker.uploadFile(file)
  }

  async function save(name: string, isForServer = false) {
    const { page, tester } = subject
    if (!(await page.$('#saved:popover-open'))) await tester.openMenu('saved')
    await tester.fill('#save-name', name)
    if ((await page.$eval('#save-for-server', box => (box as HTMLInputElement).checked)) !== isForServer) {
      await page.click('#save-for-server')
    }
    await page.click('#save button')
    await tester.says('#notice', `“${name}” `)
  }

  const listed = () => subject.page.$$eval('#saved li button:first-child', all => all.map(item => item.textContent))

  test('shows the log of each tab again after a reload, and says where the lines are from', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('first')
    await tester.logged('[RE]: first')
    await page.click('#new-tab')
    await page.click('#connect')
    await tester.inState('Connected')
    await tester.chooseFormat('hex')
    await tester.send('00ff')
    await tester.logged('Received from the server => 2 bytes 00 ff')
    const trip = await tester.text('#log li:last-child .trip')
    await loaded()
    await page.reload()
    await tester.logged(MARK)
    await tester.inState('Connected')
    const [, sent, received, mark] = await rows()
    expect([sent, received, mark]).toEqual([
      'Sending to the server => 2 bytes 00 ffHex dump',
      'Received from the server => 2 bytes 00 ffHex dump',
      MARK,
    ])
    expect(await tester.text('#log .trip')).toBe(trip)
    expect(await tester.text('#tab-1 .unread')).toBe('')
    expect(await page.title()).not.toContain('(')
    await page.click('#tab-1')
    await tester.logged('[RE]: first')
    await tester.logged(MARK)
    expect(tester.complaints).toEqual([])
  })

  test('sends, edits and exports restored lines like any other, and a search finds them', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('again')
    await tester.logged('[RE]: again')
    await loaded()
    await page.reload()
    await tester.logged(MARK)
    await tester.inState('Connected')
    await page.hover('#log li:nth-child(2)')
    await page.waitForSelector('#log li:nth-child(2) .actions')
    await page.click('#log li [aria-label="Edit: again"]')
    expect(await tester.typed()).toBe('again')
    const count = async () => (await rows()).filter(row => row.includes('[RE]: again')).length
    await page.hover('#log li:nth-child(2)')
    await page.click('#log li [aria-label="Send again: again"]')
    // The log waits while the pointer is over the buttons of a row.
    await page.mouse.move(0, 0)
    await expect.poll(count).toBe(2)
    await tester.openMenu('export')
    const exported = (await saved('#export-ndjson'))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(exported.map(({ text }) => text).filter(Boolean)).toEqual([
      'again',
      '[RE]: again',
      MARK,
      'again',
      '[RE]: again',
    ])
    expect(exported[2].roundTrip).toBeGreaterThan(0)
    await page.type('#search', '[RE]')
    await tester.says('#found', '2 of 7')
  })

  test('says how many older lines are not kept, and repeats neither that nor connecting at each reload', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openMenu('repeat')
    await tester.fill('#message', 'x')
    await tester.fill('#repeat-count', '300')
    await tester.fill('#repeat-seconds', '0')
    await page.click('#repeat-start')
    await tester.logged('Repeat done')
    await loaded()
    for (let i = 0; i < 2; i++) {
      await page.reload()
      await tester.logged(`${MARK} 102 older lines were not kept.`)
      await tester.inState('Connected')
    }
    expect((await tester.log()).split(MARK)).toHaveLength(2)
    await page.$eval('#log', log => log.scrollTo(0, 0))
    await tester.says('#removed', '102 older lines were removed')
  })

  test.for(['blocked', 'full'] as const)('works if storage is %s, and claims nothing', async how => {
    const { page, tester } = subject
    await setStorage(how)
    await tester.visit()
    await tester.send('lost')
    await tester.logged('[RE]: lost')
    if (how === 'full') await loaded()
    await page.reload()
    await tester.inState('Connected')
    await tester.send('new')
    await tester.logged('[RE]: new')
    expect(await tester.log()).not.toMatch(/lost|before/)
    expect(tester.complaints).toEqual([])
  })

  test('loads the code that keeps a log only when there is something to keep, and the code that restores one likewise', async () => {
    const { page, tester } = subject
    const scripts = () =>
      page.evaluate(() =>
        performance
          .getEntriesByType('resource')
          .flatMap(({ name }) => /log-keeper|restore-log/.exec(name) ?? [])
          .sort(),
      )
    await tester.visit()
    await page.reload()
    await tester.inState('Connected')
    expect(await scripts()).toEqual([])
    await tester.send('a')
    await tester.logged('[RE]: a')
    await loaded()
    expect(await scripts()).toEqual(['log-keeper'])
    await page.reload()
    await tester.logged(MARK)
    expect(await scripts()).toEqual(['log-keeper', 'restore-log'])
  })

  test('keeps the settings of Repeat for each tab over a reload, and starts nothing', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openMenu('repeat')
    await tester.fill('#repeat-count', '7')
    await tester.fill('#repeat-seconds', '0.25')
    await tester.fill('#repeat-in-flight', '3')
    await page.click('#repeat-at-connect')
    await page.keyboard.press('Escape')
    await page.click('#new-tab')
    await page.reload()
    await page.waitForSelector('#tab-2')
    await tester.openMenu('repeat')
    expect(await typedIn('#repeat-count')).toBe('')
    await page.keyboard.press('Escape')
    await page.click('#tab-1')
    await tester.inState('Connected')
    // The settings survive even a reload during which nobody looks at them.
    await page.reload()
    await tester.inState('Connected')
    await tester.openMenu('repeat')
    expect([
      await typedIn('#repeat-count'),
      await typedIn('#repeat-seconds'),
      await typedIn('#repeat-in-flight'),
    ]).toEqual(['7', '0.25', '3'])
    expect(await page.$eval('#repeat-at-connect', box => (box as HTMLInputElement).checked)).toBe(true)
    expect(await tester.log()).not.toContain('Sending')
  })

  test('counts the messages that arrive in a tab that a reload opened in the background', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.fill('#url', `${await typedIn('#url')}?message=welcome`)
    await page.click('#connect')
    await tester.logged('welcome')
    await page.click('#new-tab')
    await loaded()
    await page.reload()
    await tester.says('#tab-1 .unread', '1')
  })

  test('saves a message for one server or for all, and lists those for the server at hand', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.fill('#message', 'for all')
    await save('mine')
    await tester.fill('#message', 'for one')
    await save('mine', true)
    await tester.says('#notice', '“mine” saved for ')
    const host = new URL(subject.address).host
    expect(await listed()).toEqual(['mine', `mine only for ${host}`])
    await save('mine', true)
    await tester.says('#notice', `“mine” replaced for ${host}.`)
    await page.click('#saved li:nth-child(2) button')
    expect(await tester.typed()).toBe('for one')

    const { url, port } = await startPeer(() => {})
    await tester.connectTo(url)
    await tester.inState('Connected')
    await tester.openMenu('saved')
    expect(await listed()).toEqual(['mine'])
    expect(await tester.text('#save-scope')).toBe(` Only for 127.0.0.1:${port}`)
    await page.click('#saved-others')
    expect(await listed()).toEqual(['mine', `mine only for ${host}`])
    await page.click(`#saved li button[aria-label="Delete mine (only for ${host})"]`)
    expect(await listed()).toEqual(['mine'])
    await page.click('#notice button')
    expect(await tester.violations()).toEqual([])
    await page.keyboard.press('Escape')
    await page.click('#disconnect')
    await tester.inState('Disconnected')
    await tester.fill('#url', '')
    await tester.openMenu('saved')
    expect(await tester.isHidden('#save-scope')).toBe(true)
  })

  test('is exported as one file without passwords, and imported by another page, which can undo that', async () => {
    const { page, tester } = subject
    await tester.visit()
    await save('mine', true)
    await page.keyboard.press('Escape')
    await page.click('#new-tab')
    await tester.fill('#url', 'ws://user:secret@localhost:9/')
    await tester.fill('#message', 'draft')
    await tester.openMenu('repeat')
    await tester.fill('#repeat-count', '7')
    await page.keyboard.press('Escape')
    await tester.openPart('connection')
    await page.waitForSelector('#work')
    const file = await saved('#work button')
    await tester.says('#notice', '2 tabs, 1 saved message, and 1 recent address exported.')
    expect(file).not.toContain('secret')
    expect(JSON.parse(file)).toMatchObject({
      tabs: [{}, { url: 'ws://localhost:9/', message: 'draft', repeat: { count: '7' } }],
    })

    await page.evaluate(() => {
      localStorage.clear()
      window.addEventListener('pagehide', () => sessionStorage.clear())
    })
    await tester.visit('?fresh')
    await tester.send('[RE]')
    await tester.openPart('connection')
    await page.waitForSelector('#work')
    await importFile(file)
    await tester.says('#notice', '1 tab and 1 saved message imported. 2 entries were here already.')
    expect(await tester.text('#tab-2 .name')).toBe('localhost:9/')
    expect(await page.$eval('#tab-2', tab => (tab as HTMLElement).dataset.state)).toBe('disconnected')
    await page.click('#tab-2')
    expect(await tester.typed()).toBe('draft')
    expect(await tester.log()).not.toMatch(/Sending|Error/)
    await tester.openMenu('repeat')
    expect(await typedIn('#repeat-count')).toBe('7')
    await page.keyboard.press('Escape')
    await page.click('#notice button')
    await tester.says('#notice', 'The import was undone.')
    expect(await page.$('#tab-2')).toBeNull()
    await tester.openMenu('saved')
    expect(await listed()).toEqual([])
  })

  test('connects an imported tab only to the host of the page, and sends nothing', async () => {
    const { page, tester } = subject
    let handshakes = 0
    const { url } = await startPeer(() => handshakes++)
    await tester.visit()
    await tester.openPart('connection')
    await page.waitForSelector('#work')
    const file = JSON.parse(await saved('#work button'))
    const repeat = { count: '1', seconds: '0', inFlight: '0', isAtConnect: true }
    const [own] = file.tabs
    file.tabs = [
      { ...own, message: 'never sent', repeat },
      { ...own, url, reconnect: 'on' },
    ]
    await importFile(JSON.stringify(file))
    await tester.says('#notice', '2 tabs imported.')
    await page.waitForSelector('#tab-2[data-state=connected]')
    await page.click('#tab-2')
    expect(await tester.typed()).toBe('never sent')
    expect(await tester.log()).not.toContain('Sending')
    expect(await page.$eval('#tab-3', tab => (tab as HTMLElement).dataset.state)).toBe('disconnected')
    expect(handshakes).toBe(0)
    expect(await tester.violations()).toEqual([])
  })

  test('says beside the button what is wrong with a file, imports nothing from it, and accepts the corrected file', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openPart('connection')
    await page.waitForSelector('#work')
    await importFile('{"format":"websocket-echo-sessions","version":1}')
    await tester.says('#work-problem', 'tabs is missing.')
    expect(await tester.violations()).toEqual([])
    await importFile('hello')
    await tester.says('#work-problem', 'The file is not JSON')
    expect(await page.$('#tab-2')).toBeNull()
    await importFile(await saved('#work button'))
    await tester.says('#notice', 'Nothing imported. 2 entries were here already.')
    expect(await tester.text('#work-problem')).toBe('')
    expect(await tester.isHidden('#notice button')).toBe(true)
  })
})
