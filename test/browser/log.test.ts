import { expect, test } from 'vitest'
import { serve } from '../integration/serve.ts'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

describePage('the log', subject => {
  const connectTo = async (url: string) => {
    await subject.tester.visit()
    await subject.tester.connectTo(url)
    await subject.tester.inState('Connected')
  }
  const rows = () => subject.page.$$eval('#log li', rows => rows.map(({ textContent }) => textContent ?? ''))

  test('shows JSON after a prefix in colours, and copies what is shown', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('{"type":"ping","id":42}')
    await tester.logged('[RE]: {"type":"ping","id":42}')
    expect(await page.$$eval('#log [data-kind=received] :is(.key, .value)', spans => spans.length)).toBe(3)
    await page.click('#log [data-kind=received] .words')
    await tester.openPart('message')
    await tester.says('#message-text', '[RE]:\n{\n  "type": "ping",\n  "id": 42\n}')
    await page.click('#copy-message')
    await tester.says('#copy-message', 'Copied')
    await page.focus('#message')
    await page.keyboard.down('Control')
    await page.keyboard.press('v')
    await page.keyboard.up('Control')
    expect(await tester.typed()).toBe('[RE]:\n{\n  "type": "ping",\n  "id": 42\n}')
  })

  test('stands still while it is paused, and while the pointer is over the buttons of a row', async () => {
    const { page, tester } = subject
    const { url, sockets } = await startPeer(socket => {
      for (let i = 0; i < 100; i++) socket.send(`pushed ${i}`)
    })
    const push = (text: string) => {
      for (const socket of sockets) socket.send(text)
    }
    await connectTo(url)
    await tester.logged('pushed 99')
    await page.click('#pause')
    expect(await tester.text('#pause')).toBe('Paused')
    push('while paused')
    await tester.says('#to-end', 'Paused · ↓ 1 new')
    expect(await tester.log()).not.toContain('while paused')
    await page.click('#pause')
    await tester.logged('while paused')

    await page.hover('#log li:last-child')
    await page.hover('#log li:last-child .actions button')
    push('while pointed at')
    await tester.says('#to-end', '1 new')
    expect(await tester.log()).not.toContain('while pointed at')
    await page.hover('#message')
    await tester.logged('while pointed at')
  })

  test('opens a line in the panel by a click, unless the click selects text', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('{"type":"ping"}')
    await tester.logged('[RE]: {"type":"ping"}')
    await page.evaluate(() => {
      const words = document.querySelector('#log [data-kind=sent] .words')
      if (words) getSelection()?.selectAllChildren(words)
      words?.dispatchEvent(new MouseEvent('click', { bubbles: true }))
    })
    expect(await tester.isHidden('#side')).toBe(true)
    await page.evaluate(() => getSelection()?.removeAllRanges())
    await page.click('#log [data-kind=sent] .words')
    await tester.says('#message-text', '"type": "ping"')
  })

  test('shows the lines around a hit when the search is cleared, and marks hits across the colours of JSON', async () => {
    const { page, tester } = subject
    const { url } = await startPeer(socket => {
      for (let i = 0; i < 300; i++) socket.send(`{"i":${i},"a":"z"}`)
    })
    await connectTo(url)
    await tester.logged('"i":299')
    await page.type('#search', '"i":77,')
    await tester.says('#found', '1 of')
    const marked = () =>
      page.evaluate(() => Array.from(CSS.highlights?.get('found') ?? [], range => String(range as Range)))
    await expect.poll(marked).toEqual(['"i":77,'])
    await page.click('#log [data-kind=received] .words')
    await tester.says('#message-text', '77')
    await page.click('#search')
    await page.keyboard.press('Escape')
    await tester.logged('"i":75,')
    await tester.logged('"i":79,')
    expect(await tester.log()).not.toContain('"i":299')
  })

  test('moves to its first and last line with Home and End', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('first')
    await tester.logged('[RE]: first')
    await page.focus('#log')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Home')
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Connected to')
    await page.keyboard.press('End')
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('[RE]: first')
  })

  test('counts and marks the hits of a search, which Ctrl+F opens, and takes expressions and exclusions', async () => {
    const { page, tester } = subject
    await tester.visit()
    for (const text of ['apple 1', 'banana 22']) {
      await tester.send(text)
      await tester.logged(`[RE]: ${text}`)
    }
    await page.keyboard.down('Control')
    await page.keyboard.press('f')
    await page.keyboard.up('Control')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('search')
    await page.keyboard.type('BANANA')
    await tester.says('#found', '2 of 5')
    await page.waitForFunction(() => CSS.highlights.get('found')?.size === 2)
    await tester.fill('#search', '/\\d{2}/')
    await tester.says('#found', '2 of 5')
    await tester.fill('#search', '-banana')
    await tester.says('#found', '3 of 5')
    await tester.fill('#search', '/(/')
    await tester.says('#search-problem', 'not valid')
    await page.focus('#search')
    await page.keyboard.press('Escape')
    await page.waitForFunction(() => document.querySelector('#found')?.textContent === '')
    expect(await rows()).toHaveLength(5)
  })

  test('excludes by an expression, and says that one which takes too long was stopped', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('x')
    await tester.logged('[RE]: x')
    await tester.fill('#search', '-/^\\[re/i')
    await tester.says('#found', '2 of 3')
    // How long an expression takes depends on the machine. By this clock, each test of a line takes 300 ms.
    await page.evaluate(() => {
      const now = performance.now.bind(performance)
      let added = 0
      performance.now = () => {
        added += 300
        return now() + added
      }
    })
    await tester.fill('#search', '/x*y/')
    await tester.says('#search-problem', 'This search took too long and was stopped.')
    expect(await rows()).toHaveLength(3)
    expect(await page.$eval('#search', field => field.ariaInvalid)).toBe('true')
    await tester.fill('#search', '')
    await page.waitForFunction(() => document.querySelector('#search-problem')?.textContent === '')
  })

  test('says how many lines an export has, and undoes Clear', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('hello')
    await tester.logged('[RE]: hello')
    await tester.chooseKind('sent')
    await tester.says('#found', '1 of 3')
    await tester.openMenu('export')
    await page.click('#export-ndjson')
    await tester.says('#notice', 'The file has 3 lines. That includes 2 lines that the filter hides.')
    await page.click('#clear')
    await tester.says('#notice', '3 lines cleared.')
    await page.waitForFunction(() => document.querySelectorAll('#log li').length === 0)
    await page.click('#notice button')
    await tester.says('#found', '1 of 3')
  })

  test('folds a long message again from wherever one reads, and then follows as before', async () => {
    const { page, tester } = subject
    const { url, sockets } = await startPeer(socket => {
      for (let i = 0; i < 50; i++) socket.send(`pushed ${i}`)
      socket.send('long\n'.repeat(400))
    })
    await connectTo(url)
    await tester.logged('pushed 49')
    await page.click('#log li:last-child [aria-expanded=false]')
    await page.waitForFunction(() => (document.querySelector('#log') as HTMLElement).scrollHeight > 6000)
    await page.hover('#log')
    await page.mouse.wheel({ deltaY: 3000 })
    await page.waitForFunction(() => {
      const top = document.querySelector('#log [aria-expanded=true]')?.getBoundingClientRect().top ?? -1
      return top > 0 && top < 800
    })
    await page.click('#log [aria-expanded=true]')
    for (const socket of sockets) socket.send('afterwards')
    await tester.logged('afterwards')
  })

  test('shows the start of a message of 100 KiB, and saves all of it', async () => {
    const { page, tester } = subject
    const { url } = await startPeer(socket => socket.send('a'.repeat(100_000)))
    await connectTo(url)
    await tester.logged('aaa')
    await page.click('#log li:last-child .words')
    await tester.openPart('message')
    await tester.says('#message-rest', '34,464 more characters')
    const size = await page.evaluate(async () => {
      const blob = Promise.withResolvers<Blob>()
      const create = URL.createObjectURL
      URL.createObjectURL = object => {
        blob.resolve(object as Blob)
        return create.call(URL, object)
      }
      ;(document.querySelector('#save-file') as HTMLElement).click()
      return (await blob.promise).size
    })
    expect(size).toBe(100_000)
  })

  test('leaves the joiners of emoji, and isolates text that runs from right to left', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('👩‍💻 مرحبا')
    await tester.logged('[RE]: 👩‍💻 مرحبا')
    expect(await page.$('#log .control')).toBeNull()
    expect(await page.$eval('#log [data-kind=sent] code', code => code.getAttribute('dir'))).toBe('auto')
    expect(await page.$eval('#message', field => field.getAttribute('dir'))).toBe('auto')
  })

  test('shows retries that fail as one line that counts', async () => {
    const { page, tester } = subject
    const { url, close } = await startPeer(() => {})
    await connectTo(url)
    await tester.openPart('connection')
    await page.click('#reconnect')
    await close()
    await page.waitForFunction(() => {
      dispatchEvent(new Event('online'))
      return document.querySelector('#log')?.textContent?.includes('attempts)')
    })
    expect((await rows()).filter(row => row.includes('could not connect'))).toHaveLength(1)
  })

  test('is printed, with the lines that are not in sight', async () => {
    const { page } = subject
    const { url } = await startPeer(socket => {
      for (let i = 0; i < 200; i++) socket.send(`pushed ${i}`)
    })
    await connectTo(url)
    await subject.tester.logged('pushed 199')
    const printed = await page.evaluate(() => {
      dispatchEvent(new Event('beforeprint'))
      const text = document.querySelector('#log')?.textContent ?? ''
      dispatchEvent(new Event('afterprint'))
      return text
    })
    expect(printed).toContain('pushed 0')
    expect(await subject.tester.log()).not.toContain('pushed 0')
  })

  test('is copied with the words that the arrows stand for', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('hello')
    await tester.logged('[RE]: hello')
    const copied = await page.evaluate(() => {
      getSelection()?.selectAllChildren(document.querySelector('#log ol') as Element)
      return getSelection()?.toString() ?? ''
    })
    expect(copied).toContain('Sending to the server => hello')
    expect(copied).toContain('Received from the server => [RE]: hello')
  })

  test('decodes a binary message, and writes the connection and its message as code', async () => {
    const { page, tester } = subject
    const { url } = await startPeer(socket => socket.send(Buffer.from('81a161c3', 'hex')))
    await connectTo(url)
    await tester.logged('81 a1 61 c3')
    await page.click('#log li:last-child .words')
    await tester.openPart('message')
    await page.click('#decode-view summary')
    await tester.says('#decode-view pre', '{\n  "a": true\n}')
    await page.select('#decode-view select', 'gzip')
    await tester.says('#decode-view .problem', 'This is not valid gzip')
    await page.click('#code-view summary')
    await tester.says('#code-view pre', `new WebSocket("${url}")`)
    await page.select('#code-view select', 'python')
    await tester.says('#code-view pre', 'await socket.send(bytes.fromhex("81a161c3"))')
  })

  test("shows the handshake that this stack's server receives, and says that another server does not know", async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openPart('connection')
    await page.click('#handshake-view button')
    await tester.says('#handshake-view dl', 'Sec-WebSocket-Version')
    const { url } = await startPeer(socket => socket.send('something else'))
    await tester.connectTo(url)
    await tester.inState('Connected')
    await page.click('#handshake-view button')
    await tester.says('#handshake-view .problem', "Only this stack's server knows ?hello.")
  })

  test('names the backend that answers in place of the echo', async () => {
    const { page, tester } = subject
    const backend = await startPeer(socket => socket.on('message', data => socket.send(`backend: ${data}`)))
    await connectTo((await serve({ UPSTREAM: backend.url })).url)
    await tester.send('hello')
    await tester.logged('backend: hello')
    await tester.openPart('connection')
    await (await page.waitForSelector('#handshake-view button'))?.click()
    await tester.says('#handshake-view dl', `upstream${backend.url.slice(0, -1)}`)
  })

  test('compares the selected message with the one that was selected before', async () => {
    const { page, tester } = subject
    const { url } = await startPeer(socket => {
      socket.send('{"a":1,"b":2}')
      socket.send('{"a":1,"b":3}')
    })
    await connectTo(url)
    await tester.logged('"b":3')
    await tester.openPart('message')
    await page.click('#log li:nth-last-child(2) .words')
    await tester.says('#message-text', '"b": 2')
    await page.click('#log li:last-child .words')
    await page.click('#compare-view summary')
    await tester.says('#compare-view del', '-   "b": 2')
    await tester.says('#compare-view ins', '+   "b": 3')
  })
})
