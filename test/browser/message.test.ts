import { deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

const MIB = 1024 * 1024

describePage('the Message tab', subject => {
  /** Receives messages, and shows the last one in the panel. */
  const receive = async (...messages: (string | Buffer)[]) => {
    const { page, tester } = subject
    const { url } = await startPeer(socket => {
      for (const message of messages) socket.send(message)
    })
    await tester.visit()
    await tester.connectTo(url)
    await tester.inState('Connected')
    await page.waitForFunction(
      count => document.querySelectorAll('#log [data-kind=received]').length === count,
      {},
      messages.length,
    )
    await page.click('#log li:last-child .words')
    await tester.openPart('message')
    await page.waitForSelector('#one-message:not([hidden])')
  }
  const layouts = () =>
    subject.page.$$eval('#message-as label', labels =>
      labels.filter(label => label.checkVisibility()).map(({ textContent }) => textContent),
    )
  const choose = (layout: string) => subject.page.click(`#message-as [value=${layout}]`)
  const rows = () =>
    subject.page.$$eval('#one-message [role=treeitem]', rows => rows.map(({ textContent }) => textContent ?? ''))
  const press = async (
    ...keys: ('ArrowDown' | 'ArrowUp' | 'ArrowLeft' | 'ArrowRight' | 'Enter' | 'Home' | 'End')[]
  ) => {
    for (const key of keys) await subject.page.keyboard.press(key)
  }
  const pasted = async () => {
    const { page, tester } = subject
    await tester.fill('#message', '')
    await page.focus('#message')
    await page.keyboard.down('Control')
    await page.keyboard.press('v')
    await page.keyboard.up('Control')
    return tester.typed()
  }

  test('shows JSON as a tree, in which the arrow keys move, with numbers as they were written', async () => {
    const { page, tester } = subject
    await receive('[RE]: {"user":{"roles":["a","b"],"id":12345678901234567890},"ok":1.0,"none":{}}')
    await choose('tree')
    expect(await rows()).toEqual([
      expect.stringContaining('$'),
      'user: {"roles":["a","b"],"id":12345678901234567890}',
      'ok: 1.0',
      'none: {}',
    ])
    await page.focus('#one-message [role=treeitem]')
    await press('ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowDown')
    await tester.says('.tree + .actions code', '$.user.roles[1]')
    expect((await rows()).slice(3, 6)).toEqual(['0: "a"', '1: "b"', 'id: 12345678901234567890'])
    await press('ArrowLeft', 'ArrowLeft', 'ArrowLeft')
    await tester.says('.tree + .actions code', '$.user')
    await press('Enter')
    expect(await rows()).toHaveLength(4)
    expect(await page.$$eval('[role=treeitem][tabindex="0"]', rows => rows.length)).toBe(1)
  })

  test('copies a value of the tree, and its path', async () => {
    const { page, tester } = subject
    await receive('{"first name":"É\\n","list":[1]}')
    await choose('tree')
    await page.click('[role=treeitem]:nth-child(2)')
    await page.click('.tree + .actions button:nth-of-type(1)')
    await tester.says('.tree + .actions', 'Copied')
    expect(await pasted()).toBe('É\n')
    await page.click('.tree + .actions button:nth-of-type(2)')
    await page.waitForFunction(
      () => document.querySelector('.tree + .actions button:last-of-type')?.textContent === 'Copied',
    )
    expect(await pasted()).toBe('$["first name"]')
  })

  test('shows 100 of 100,000 elements at first, and 100 more on request', async () => {
    const { page, tester } = subject
    await receive(JSON.stringify(Array.from({ length: 100_000 }, (_, i) => i)))
    await choose('tree')
    expect(await rows()).toHaveLength(102)
    await page.focus('#one-message [role=treeitem]')
    await press('End', 'Enter')
    await tester.says('.tree + .actions code', '$[100]')
    expect(await rows()).toHaveLength(202)
    expect(await page.$$eval('#side *', elements => elements.length)).toBeLessThan(2000)
  })

  test('offers only the layouts that apply, and remembers the chosen one', async () => {
    const { page, tester } = subject
    await receive('{"a":1}', 'plain', Buffer.from([1, 2]), '[2]')
    expect(await layouts()).toEqual(['Pretty', 'Tree', 'Raw', 'Hex'])
    await choose('tree')
    await page.click('#log li:nth-last-child(2) .words')
    await tester.says('#one-message .hex', '0000 01 02')
    expect(await layouts()).toEqual([])
    await page.click('#log li:nth-last-child(3) .words')
    await tester.says('#message-text', 'plain')
    expect(await layouts()).toEqual(['Raw', 'Hex'])
    await page.click('#log li:nth-last-child(4) .words')
    expect(await rows()).toEqual(['$: {"a":1}', 'a: 1'])
  })

  test('says that JSON over 4 MiB is too long to lay out, and shows it as a tree', async () => {
    const { page, tester } = subject
    await receive(JSON.stringify({ id: 7, text: 'x'.repeat(5.2 * MIB) }))
    await tester.says('#one-message .note', 'Too long to lay out (5.2 MiB).')
    expect(await layouts()).toEqual(['Tree', 'Raw', 'Hex'])
    await choose('tree')
    expect((await rows())[1]).toBe('id: 7')
    expect((await rows())[2]).toMatch(/^text: "x+…$/)
    await page.click('#code-view summary')
    await tester.says('#code-view .note', 'The message is too long for the code.')
    expect((await tester.text('#code-view pre')).length).toBeLessThan(1000)
  })

  test('shows the rest of a long text on request', async () => {
    const { page, tester } = subject
    await receive(`${'a'.repeat(100_000)}end`)
    await tester.says('#message-rest', 'and 34,467 more characters')
    await page.click('#message-rest + button')
    await tester.says('#message-text', 'aend')
    expect(await tester.text('#message-rest')).toBe('')
    expect(await tester.isHidden('#message-rest + button')).toBe(true)
  })

  test('shows 16 MiB as hex in pages, and goes to an offset', async () => {
    const { page, tester } = subject
    const bytes = Buffer.alloc(16 * MIB)
    bytes.write('first', 0)
    bytes.write('last', bytes.length - 4)
    await receive(bytes)
    await tester.says('#one-message .hex', '000000 66 69 72 73 74 00 00 00  first...')
    const shown = () => tester.text('.hex + .note')
    expect(await shown()).toBe('Bytes 0 to 4,095 of 16,777,216.')
    await page.click('.pages button:nth-of-type(2)')
    expect(await shown()).toBe('Bytes 4,096 to 8,191 of 16,777,216.')
    await tester.fill('.pages input', '0xfffffc')
    await tester.says('#one-message .hex', 'fffff8 00 00 00 00 6c 61 73 74  ....last')
    expect(await shown()).toBe('Bytes 16,777,208 to 16,777,215 of 16,777,216.')
    await tester.fill('.pages input', '1000000')
    await tester.says('.pages .problem', 'Type an offset in hex from 0 to ffffff.')
    expect(await page.$eval('.pages input', field => field.ariaInvalid)).toBe('true')
  })

  test('shows decoded MessagePack as a tree, and says that only a part was decompressed', async () => {
    const { page, tester } = subject
    await receive(deflateSync(Buffer.alloc(17 * MIB, 'x')), Buffer.from('81a161c3', 'hex'))
    await page.click('#decode-view summary')
    await tester.says('#decode-view pre', '{\n  "a": true\n}')
    await page.click('#decoded-as [value=tree]')
    expect(await page.$$eval('#decode-view [role=treeitem]', rows => rows.length)).toBe(2)
    await page.click('#log li:nth-last-child(2) .words')
    await tester.says('#decode-view .note', 'Only the first 16 MiB were decompressed.')
    await tester.says('#decoded-rest', 'more characters')
  })

  // Firefox takes the colour scheme from its profile.
  test.for(
    (subject.name === 'chrome' ? ['light', 'dark'] : ['light']).flatMap(scheme => [
      [scheme, 1280],
      [scheme, 360],
    ]) as [string, number][],
  )(
    'has no accessibility violations in any layout and with each section open (%s, %d pixels)',
    { timeout: 180_000 },
    async ([scheme, width]) => {
      const { page, tester } = subject
      if (subject.name === 'chrome') await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
      await receive(
        '{"a":{"b":[1,true,null]},"c":"d"}',
        '{"a":1}',
        Buffer.from('82a161c3a16293010203'.repeat(500), 'hex'),
      )
      await page.setViewport({ width, height: 800 })
      await tester.openPart('message')
      await page.$$eval('#one-message details', sections => {
        for (const section of sections) section.open = true
      })
      await tester.says('#decode-view', 'MessagePack')
      expect(await tester.violations()).toEqual([])
      await tester.fill('.pages input', 'x')
      await page.select('#decode-view select', 'gzip')
      await tester.says('#decode-view .problem', 'This is not valid gzip')
      expect(await tester.violations()).toEqual([])
      const select = (row: number) =>
        page.$eval(`#log li:nth-last-child(${row}) .words`, words => (words as HTMLElement).click())
      await select(2)
      await select(3)
      await page.waitForSelector('#compare-view :is(ins, del)')
      for (const layout of ['pretty', 'raw', 'tree', 'hex']) {
        await choose(layout)
        expect(await tester.violations()).toEqual([])
      }
      await tester.openPart('connection')
      await page.click('#handshake-view button')
      await page.waitForSelector('#handshake-view :is(dt, .problem:not(:empty))')
      expect(await tester.violations()).toEqual([])
    },
  )
})
