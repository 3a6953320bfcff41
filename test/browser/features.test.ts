import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, ElementHandle, Page } from 'puppeteer-core'
import { beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import type { WebSocket as Socket } from 'ws'
import { browserNames, findBrowser, launchBrowser } from './browser.ts'
import { startPeer } from './peer.ts'
import { openTester, type Tester } from './tester.ts'

const stack = inject('stack')
const { page: address = '', ws = '' } = stack ?? {}

const echo = (socket: Socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))

describe.for(browserNames.filter(findBrowser))('the page in %s', { skip: !stack }, name => {
  let browser: Browser
  let page: Page
  let tester: Tester

  beforeAll(async () => {
    browser = await launchBrowser(name)
    return () => browser.close()
  })

  beforeEach(async () => {
    const context = await browser.createBrowserContext()
    tester = await openTester(context, address)
    page = tester.page
    return () => context.close()
  })

  describe('the composer', () => {
    test.for([
      ['hex', '00 ff 7f', '00 ff 7f'],
      ['base64', 'AP9/', '00 ff 7f'],
    ] as const)('sends %s as a binary message, and shows its size', async ([format, text, hex]) => {
      await tester.visit()
      await tester.chooseFormat(format)
      await page.type('#message', text)
      expect(await tester.text('#size')).toBe('3 B · binary')
      await page.click('#send')
      await tester.logged(`Received from the server => 3 bytes ${hex}`)
    })

    test.for([
      ['hex', '0g', '"g" at position 2'],
      ['base64', 'A', 'base64'],
    ] as const)('does not send invalid %s, and says what is wrong', async ([format, text, problem]) => {
      await tester.visit()
      await tester.chooseFormat(format)
      await page.type('#message', text)
      await page.keyboard.press('Enter')
      await tester.says('#message-problem', problem)
      expect(await tester.typed()).toBe(text)
      expect(await tester.log()).not.toContain('Sending')
      await page.keyboard.press('Backspace')
      await page.keyboard.press('Backspace')
      expect(await tester.text('#message-problem')).toBe('')
    })

    test('sends the bytes of a picked or dropped file', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'picked-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const file = join(folder, 'picked.bin')
      await writeFile(file, Buffer.from([1, 2, 3]))
      await tester.visit()
      const picker = (await page.$('#file')) as ElementHandle<HTMLInputElement>
      await picker.uploadFile(file)
      await tester.says('#attachment', 'picked.bin')
      await page.click('#send')
      await tester.logged('Received from the server => 3 bytes 01 02 03')

      await page.$eval('#log', log => {
        const dataTransfer = new DataTransfer()
        dataTransfer.items.add(new File([new Uint8Array([9, 8])], 'dropped.bin'))
        log.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }))
      })
      await tester.says('#attachment', 'dropped.bin')
      await page.click('#send')
      await tester.logged('Received from the server => 2 bytes 09 08')
    })

    test('sends several lines, separated by Shift+Enter', async () => {
      const received: string[] = []
      const { url } = await startPeer(socket => socket.on('message', data => received.push(String(data))))
      await tester.visit()
      await tester.connectTo(url)
      await tester.inState('Connected')
      await page.type('#message', 'one')
      await page.keyboard.down('Shift')
      await page.keyboard.press('Enter')
      await page.keyboard.up('Shift')
      await tester.send('two')
      await expect.poll(() => received).toEqual(['one\ntwo'])
    })

    test('formats JSON, and reports invalid JSON', async () => {
      await tester.visit()
      await tester.chooseFormat('json')
      await page.type('#message', '{"big":12345678901234567890}')
      await page.click('#format-json')
      expect(await tester.typed()).toBe('{\n  "big": 12345678901234567890\n}')
      await tester.fill('#message', '{"open":')
      await page.click('#format-json')
      expect(await tester.text('#message-problem')).not.toBe('')
      expect(await tester.typed()).toBe('{"open":')
    })

    test('brings back sent messages with the arrow keys, even after a reload', async () => {
      await tester.visit()
      for (const text of ['first', 'second']) {
        await tester.send(text)
        await tester.logged(`[RE]: ${text}`)
      }
      await page.reload()
      await tester.inState('Connected')
      await page.type('#message', 'draft')
      await page.keyboard.press('ArrowUp')
      expect(await tester.typed()).toBe('second')
      await page.keyboard.press('ArrowUp')
      expect(await tester.typed()).toBe('first')
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('ArrowDown')
      expect(await tester.typed()).toBe('draft')

      for (const key of ['ArrowUp', 'ArrowUp', 'Enter', 'ArrowUp'] as const) await page.keyboard.press(key)
      expect(await tester.typed()).toBe('first')
      await page.keyboard.press('ArrowDown')
      expect(await tester.typed()).toBe('')
    })

    test('saves named messages, and brings them back after a reload', async () => {
      await tester.visit()
      await tester.chooseFormat('hex')
      await page.type('#message', '0a 0b')
      await tester.openMenu('saved')
      await page.type('#save-name', 'two bytes')
      await page.keyboard.press('Enter')
      await page.reload()
      await tester.inState('Connected')
      await tester.openMenu('saved')
      await page.click('#saved li button')
      expect(await tester.typed()).toBe('0a 0b')
      expect(await page.$eval('#formats :checked', radio => (radio as HTMLInputElement).value)).toBe('hex')
      await page.click('#send')
      await tester.logged('Received from the server => 2 bytes 0a 0b')
      await tester.openMenu('saved')
      await page.click('#saved li button[aria-label="Delete two bytes"]')
      expect(await page.$('#saved li')).toBeNull()
    })

    test('offers subprotocols, and shows the chosen one', async () => {
      await tester.visit()
      await tester.openPart('connection')
      await page.type('#protocols', 'chat.v2, chat')
      await tester.connectTo(`${ws}chat`)
      await tester.inState('Connected')
      await tester.openPart('connection')
      await tester.says('#protocol', 'chat.v2')
      await tester.says('#extensions', 'permessage-deflate')
    })

    test('closes with the entered code and reason, and rejects those that browsers may not send', async () => {
      const closed = Promise.withResolvers<[number, string]>()
      const { url } = await startPeer(socket =>
        socket.on('close', (code, reason) => closed.resolve([code, String(reason)])),
      )
      await tester.visit()
      await tester.connectTo(url)
      await tester.inState('Connected')
      await tester.openPart('connection')
      await tester.fill('#close-code', '1001')
      await page.click('#disconnect')
      await tester.says('#close-problem', '3000')
      expect(await tester.text('#status')).toBe('Connected')
      await tester.fill('#close-code', '4001')
      await tester.fill('#close-reason', 'é'.repeat(62))
      await tester.says('#close-problem', '123')
      await tester.fill('#close-reason', 'done here')
      expect(await tester.text('#close-problem')).toBe('')
      await page.click('#disconnect')
      expect(await closed.promise).toEqual([4001, 'done here'])
    })
  })

  describe('repeating a message', () => {
    const repeat = async (message: string, fields: Record<string, string>) => {
      await tester.fill('#message', message)
      await tester.openMenu('repeat')
      for (const [name, value] of Object.entries(fields)) await tester.fill(`#repeat-${name}`, value)
      await page.click('#repeat-start')
    }

    test('sends it the entered number of times, and counts the replies', async () => {
      await tester.visit()
      await repeat('a'.repeat(100), { count: '2000', seconds: '0', 'in-flight': '50' })
      await tester.logged('2,000 sent, 2,000 answered')
      await tester.openPart('connection')
      await tester.says('#sent', '2,000 messages, 195 KiB')
      await tester.says('#received', '2,000 messages')
    })

    test('can be stopped', async () => {
      await tester.visit()
      await repeat('again', { seconds: '0', 'in-flight': '10' })
      await tester.says('#repeat-progress', 'answered')
      await page.click('#repeat-stop')
      // Replies to messages in flight still arrive after the stop.
      await tester.chooseKind('events')
      await tester.logged('Repeat stopped')
      await tester.chooseKind('all')
      await tester.fill('#message', '')
      await tester.send('still here')
      await tester.logged('[RE]: still here')
    })

    test('queues a limited number of bytes when the server reads nothing', async () => {
      const { url } = await startPeer(socket => socket.pause())
      await tester.visit()
      await page.evaluate(() => {
        const send = WebSocket.prototype.send
        WebSocket.prototype.send = function (data) {
          send.call(this, data)
          document.body.dataset.most = String(Math.max(Number(document.body.dataset.most ?? 0), this.bufferedAmount))
        }
      })
      await tester.connectTo(url)
      await tester.inState('Connected')
      await repeat('a'.repeat(100_000), { count: '1000', seconds: '0' })
      await page.waitForFunction(() => Number(document.body.dataset.most) > 500_000)
      await page.click('#repeat-stop')
      await tester.logged('Repeat stopped')
      expect(await page.evaluate(() => Number(document.body.dataset.most))).toBeLessThan(2 ** 20 + 100_000)
    })

    test('does not start with an invalid number, and says at its field which are valid', async () => {
      await tester.visit()
      await repeat('again', { count: 'many' })
      await tester.says('#repeat-problem', 'Type a whole number from 1 to 1,000,000, or nothing.')
      expect(await page.$eval('#repeat-count', field => field.getAttribute('aria-invalid'))).toBe('true')
    })

    test('starts again at each connect, until it is stopped', async () => {
      const { url, sockets } = await startPeer(() => {})
      await tester.visit()
      await tester.openMenu('repeat')
      await page.click('#repeat-at-connect')
      await page.keyboard.press('Escape')
      await repeat('{"type":"subscribe"}', { count: '1' })
      await tester.logged('[RE]: {"type":"subscribe"}')
      await page.keyboard.press('Escape')
      const sent = () => page.$$eval('#log [data-kind=sent]', rows => rows.length)
      await tester.connectTo(url)
      await page.waitForFunction(() => document.querySelectorAll('#log [data-kind=sent]').length === 2)
      expect(sockets.size).toBe(1)
      expect(await sent()).toBe(2)
    })
  })

  describe('the log explains', () => {
    test('how long each reply took, until a message matches none that was sent', async () => {
      const { url } = await startPeer(socket =>
        socket.on('message', data => {
          if (String(data) === 'push') socket.send('server first')
          socket.send(String(data))
        }),
      )
      await tester.visit()
      await tester.connectTo(url)
      await tester.inState('Connected')
      await tester.send('timed')
      await page.waitForFunction(() => / ms/.test(document.querySelector('#log')?.textContent ?? ''))
      const times = async () => (await tester.log()).match(/\d ms/g)?.length
      expect(await times()).toBe(1)
      await tester.send('push')
      await tester.logged('Received from the server => push')
      await tester.send('untimed')
      await tester.logged('Received from the server => untimed')
      expect(await times()).toBe(1)
    })

    test('what a close code means', async () => {
      const { url } = await startPeer(socket => socket.close(1009))
      await tester.visit()
      await tester.connectTo(url)
      await tester.logged('1009')
      expect(await tester.log()).toMatch(/1009: .*large/)
    })

    test('why a handshake was refused, if the server answers a plain HTTP request', async () => {
      const { url } = await startPeer(() => {}, {
        verifyClient: () => false,
        onRequest: (_, response) =>
          response.writeHead(403, { 'Access-Control-Allow-Origin': '*' }).end('no <b>entry</b> here'),
      })
      await tester.visit()
      await tester.connectTo(url)
      await tester.logged('Error: could not connect to')
      await tester.logged('403')
      await tester.logged('no <b>entry</b> here')
    })

    test('that the server refuses the page’s own origin, which a plain GET would not reveal', async () => {
      const { port } = await startPeer(() => {}, {
        verifyClient: () => false,
        async onRequest({ url = '', method, headers }, response) {
          if (url === '/ws') return response.writeHead(403).end(`${method} from ${headers.origin}`)
          const file = await fetch(new URL(url, address))
          response.writeHead(file.status, { 'Content-Type': file.headers.get('content-type') ?? '' })
          response.end(Buffer.from(await file.arrayBuffer()))
        },
      })
      await page.goto(`http://127.0.0.1:${port}/`)
      await tester.logged(`403 Forbidden: OPTIONS from http://127.0.0.1:${port}`)
    })

    test('that a web server answers there but no WebSocket, if the server does not let the page read more', async () => {
      const { url } = await startPeer(() => {}, {
        verifyClient: () => false,
        onRequest: (_, response) => response.writeHead(403).end('secret'),
      })
      await tester.visit()
      await tester.connectTo(url)
      await tester.logged('A web server answers at this address, but no WebSocket was opened')
      expect(await tester.log()).not.toContain('secret')
    })

    test('that the reason is unknown, if nothing answers there', async () => {
      const { url, close } = await startPeer(() => {})
      await close()
      await tester.visit()
      await tester.connectTo(url)
      await tester.logged('reason is unknown')
    })

    test('the chart shows round trips as numbers, as a plot, and as a text alternative', async () => {
      await tester.visit()
      await tester.openPart('chart')
      await tester.send('timed')
      await page.waitForSelector('#chart canvas')
      await page.waitForFunction(() => /\d ms/.test(document.querySelector('#chart')?.textContent ?? ''))
      await page.waitForFunction(() => {
        const label = document.querySelector('#chart [role=img]')?.ariaLabel ?? ''
        return /\d ms/.test(label)
      })
      expect(tester.complaints).toEqual([])
    })
  })

  describe('faults', () => {
    const fieldValue = (selector: string) => page.$eval(selector, field => (field as HTMLInputElement).value)

    test('are set by a form that fills the query and is filled from it', async () => {
      await tester.visit()
      await tester.openPart('faults')
      await page.type('#faults [name=repeat]', '2')
      await page.type('#faults [name=close]', '4000')
      await page.type('#faults [name=reason]', 'so be it')
      await page.type('#faults [name=after]', '1')
      await page.click('#faults [name=hello]')
      expect(await fieldValue('#url')).toMatch(/\/ws\?repeat=2&hello&close=4000&reason=so\+be\+it&after=1$/)
      await page.click('#faults [type=submit]')
      await tester.logged('"connection"')
      await tester.send('once')
      await tester.logged('so be it')
      expect(await tester.log()).toContain('4000')
      expect((await tester.log()).split('[RE]: once')).toHaveLength(3)

      await tester.fill('#url', `${ws}?drop=fin&subprotocol=&token=x`)
      expect(await fieldValue('#faults [name=drop]')).toBe('fin')
      expect(await fieldValue('#faults [name=close]')).toBe('')
      expect(
        await page.$eval('#faults [name=subprotocol][type=checkbox]', box => (box as HTMLInputElement).checked),
      ).toBe(true)
      await page.select('#faults [name=up-corrupt]', 'rsv')
      expect(await fieldValue('#faults [name=drop]')).toBe('fin')
      await page.select('#faults [name=up-corrupt]', '')
      await page.select('#faults [name=drop]', '')
      expect(await fieldValue('#url')).toBe(`${ws}?token=x&subprotocol`)
    })

    test('that can be given more than once have a line for each value', async () => {
      await tester.visit()
      await tester.openPart('faults')
      await tester.fill('#url', `${ws}?message=first&message=second`)
      expect(await fieldValue('#faults [name=message]')).toBe('first\nsecond')
      await page.type('#faults [name=repeat]', '2')
      expect(await fieldValue('#url')).toBe(`${ws}?repeat=2&message=first&message=second`)
      await page.focus('#faults [name=message]')
      await page.keyboard.down('Control')
      await page.keyboard.press('End')
      await page.keyboard.up('Control')
      await page.keyboard.type('\nthird')
      expect(await fieldValue('#url')).toBe(`${ws}?repeat=2&message=first&message=second&message=third`)
      await page.click('#faults [type=submit]')
      for (const text of ['first', 'second', 'third']) await tester.logged(`Received from the server => ${text}`)
    })

    test('that are opposites replace each other in the form', async () => {
      await tester.visit()
      await tester.openPart('faults')
      await page.type('#faults input[name=subprotocol]:not([type=checkbox])', 'chat')
      await page.click('#faults [name=subprotocol][type=checkbox]')
      expect(await fieldValue('#url')).toMatch(/\?subprotocol$/)
      expect(await fieldValue('#faults [name=subprotocol]')).toBe('')
    })

    test('are explained below the form, for the field that has the focus', async () => {
      await tester.visit()
      await tester.openPart('faults')
      await page.focus('#faults [name=delay]')
      await tester.says('#explanation', 'delay: every reply waits this long, at most 5m')
      await page.select('#faults [name=drop]', 'rst')
      await tester.says('#explanation', 'drop=rst: the TCP connection ends by a reset (RST)')
    })

    test('that are invalid are explained', async () => {
      await tester.visit()
      for (const address of [`${ws}?loss=110%`, `${await fieldValue('#url')}?loss=110%`]) {
        await tester.connectTo(address)
        await tester.logged('"loss=110%": expected a share from 0 to 1, such as 0.1 or 10%')
        await page.click('#clear')
      }
      await tester.connectTo(`${ws}?reject=503`)
      await tester.logged('503 Service Unavailable: Refused with 503 because of reject=503')
    })

    // Firefox waits longer before each attempt that follows a failed one, so it takes only the one with a login.
    test.for([
      ['auth=basic:user:password', '401', 'The server asks for credentials (Basic).'],
      ...(name === 'chrome'
        ? [
            ['reject=401', '401', 'The server asks for credentials (Basic).'],
            ['reject=429&retry-after=5s', '429', 'Try again in 5 s.'],
            ['reject=503&retry-after=date:5s', '503', 'Try again after '],
            ['reject=204', '204', ''],
            ['reject=205', '205', ''],
            ['reject=304', '304', ''],
            ['redirect=307&location=/raw', 'is redirected', ''],
            ['reject=503&times=1', '426', 'among the first connections, to which "times" limits the faults'],
          ]
        : []),
    ] as const)('that refuse the handshake are explained: %s', async ([query = '', answer = '', hint = '']) => {
      await tester.visit()
      const own = await fieldValue('#url')
      for (const address of [ws, own]) {
        // The server counts each key separately.
        const key = query.includes('times') ? `&key=${crypto.randomUUID()}` : ''
        await tester.connectTo(`${address}?${query}${key}`)
        await tester.logged('A plain HTTP request to the same address')
        expect(await tester.log()).toMatch(new RegExp(`same address (gets )?${answer}`))
        expect(await tester.log()).toContain(hint)
        await page.click('#clear')
      }
    })
  })

  describe('the log shows', () => {
    test('long messages folded, and on a click unfolded, or as a hex dump, and as formatted JSON in the panel', async () => {
      await tester.visit()
      const json = `{"list":[${'1234567890,'.repeat(40)}0]}`
      await tester.send(json)
      await tester.logged('[RE]')
      expect(await tester.log()).not.toContain('0,0]}')
      await page.click('#log li[data-kind=sent] [aria-expanded=false]')
      await tester.logged('0,0]}')
      await page.click('#log li[data-kind=sent] .words')
      await tester.openPart('message')
      await tester.says('#message-text', '"list": [\n    1234567890,')
      await tester.chooseFormat('hex')
      await tester.send('41 42 00')
      await tester.logged('Received from the server => 3 bytes')
      await page.click('#log li:last-child [aria-expanded=false]')
      await tester.logged('|AB.|')
      expect(await tester.violations()).toEqual([])
    })

    test('invisible characters', async () => {
      await tester.visit()
      await tester.fill('#message', 'a\u0007b\u202ec')
      await page.focus('#message')
      await page.keyboard.press('Enter')
      await tester.logged('[RE]: a␇bU+202Ec')
      const { url } = await startPeer(socket => socket.close(4000, 'd\u202ee'))
      await tester.connectTo(url)
      await tester.logged('reason: dU+202Ee')
    })

    test('only lines that match the search and the filter', async () => {
      await tester.visit()
      for (const text of ['apple', 'banana']) {
        await tester.send(text)
        await tester.logged(`[RE]: ${text}`)
      }
      await page.type('#search', 'APPLE')
      await page.waitForFunction(() => document.querySelectorAll('#log li').length === 2)
      await tester.chooseKind('received')
      await page.waitForFunction(() => document.querySelectorAll('#log li').length === 1)
      await tester.logged('[RE]: apple')
      await tester.fill('#search', 'cherry')
      await page.waitForFunction(() => (document.querySelector('#no-match') as HTMLElement).checkVisibility())
      await tester.fill('#search', '')
      await tester.logged('[RE]: banana')
      await page.click('#clear')
      await page.waitForFunction(() => document.querySelectorAll('#log li').length === 0)
    })

    test('a button that copies a message', async () => {
      await tester.visit()
      await tester.send('copied')
      await tester.logged('[RE]: copied')
      await page.hover('#log li[data-kind=received]')
      await page.click('#log li[data-kind=received] .actions button:last-child')
      await tester.logged('Copied')
      await page.focus('#message')
      await page.keyboard.down('Control')
      await page.keyboard.press('v')
      await page.keyboard.up('Control')
      expect(await tester.typed()).toBe('[RE]: copied')
    })

    test('entries that can be exported, as one line of JSON each', async () => {
      await tester.visit()
      await tester.send('exported')
      await tester.logged('[RE]: exported')
      await tester.openMenu('export')
      const { text } = await tester.saved('#export-ndjson')
      const lines = text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      expect(lines.map(({ type }) => type)).toEqual(['connected', 'text', 'text'])
      expect(lines[1]).toMatchObject({ direction: 'sent', text: 'exported' })
      expect(lines[2]).toMatchObject({ direction: 'received', text: '[RE]: exported', bytes: 14 })
    })

    test('the newest line, unless the user has scrolled up, and a button that leads back', async () => {
      const { url, sockets } = await startPeer(socket => {
        for (let i = 0; i < 200; i++) socket.send(`pushed ${i}`)
      })
      await tester.visit()
      await tester.connectTo(url)
      await tester.logged('pushed 199')
      await page.hover('#log')
      await page.mouse.wheel({ deltaY: -600 })
      await page.waitForFunction(() => (document.querySelector('#to-end') as HTMLElement).checkVisibility())
      for (const socket of sockets) socket.send('later')
      await tester.says('#to-end', '1 new')
      expect(await tester.log()).not.toContain('later')
      await page.click('#to-end')
      await tester.logged('later')
      expect(await tester.isHidden('#to-end')).toBe(true)
    })

    test('100,000 lines with few elements, and how many older lines were removed', { timeout: 180_000 }, async () => {
      const { url } = await startPeer(socket => {
        for (let i = 0; i < 120_000; i++) socket.send(`pushed ${i}`)
      })
      await tester.visit()
      await tester.connectTo(url)
      await tester.logged('pushed 119999')
      expect(await page.$$eval('#log li', rows => rows.length)).toBeLessThan(100)
      await page.focus('#log')
      await page.keyboard.press('Home')
      await tester.says('#removed', 'older lines were removed')
      await page.waitForFunction(() => (document.querySelector('#removed')?.getBoundingClientRect().top ?? -1) > 0)
      expect(await page.$$eval('#log li', rows => rows.length)).toBeLessThan(100)
    })
  })

  describe('reconnects', () => {
    test('when the connection ends unexpectedly, and shows a countdown', async () => {
      const first = await startPeer(echo)
      await tester.visit()
      await tester.openPart('connection')
      await page.click('#reconnect')
      await tester.connectTo(first.url)
      await tester.inState('Connected')
      await first.close()
      await tester.inState('Reconnecting')
      expect(await page.$eval('#status', status => (status as HTMLElement).dataset.countdown)).toMatch(/^in \d+ s$/)
      await startPeer(echo, { port: first.port })
      await page.evaluate(() => dispatchEvent(new Event('online')))
      await tester.inState('Connected')
      await tester.send('back')
      await tester.logged('Received from the server => back')
    })

    test('only if this is switched on, and not after DISCONNECT', async () => {
      const { url, close, sockets } = await startPeer(echo)
      await tester.visit()
      await tester.connectTo(url)
      await tester.inState('Connected')
      for (const socket of sockets) socket.terminate()
      await tester.inState('Disconnected')
      await tester.openPart('connection')
      await page.click('#reconnect')
      await page.click('#connect')
      await tester.inState('Connected')
      await close()
      await tester.inState('Reconnecting')
      await page.click('#disconnect')
      await tester.inState('Disconnected')
      expect(await tester.isHidden('#connect')).toBe(false)
    })
  })

  describe('with tabs', () => {
    test('holds several connections, each with its own address and log', async () => {
      const { url } = await startPeer(echo)
      await tester.visit()
      expect(await tester.isHidden('#tab-1 .close')).toBe(true)
      await tester.send('in the first')
      await tester.logged('[RE]: in the first')
      await page.click('#new-tab')
      await tester.inState('Disconnected')
      await tester.fill('#url', url)
      await page.click('#connect')
      await tester.inState('Connected')
      await tester.send('in the second')
      await tester.logged('Received from the server => in the second')
      expect(await tester.log()).not.toContain('in the first')
      expect(await tester.violations()).toEqual([])

      await page.click('#tab-1')
      await tester.logged('[RE]: in the first')
      expect(await tester.log()).not.toContain('in the second')
      await page.focus('#tab-1')
      await page.keyboard.press('ArrowRight')
      await tester.logged('in the second')
      await page.click('#tab-2 .close')
      await tester.logged('[RE]: in the first')
      expect(await tester.isHidden('#tab-1 .close')).toBe(true)
    })

    test('shares sent messages between tabs, but keeps a draft for each', async () => {
      await tester.visit()
      for (const text of ['first', 'second']) {
        await tester.send(text)
        await tester.logged(`[RE]: ${text}`)
      }
      await page.click('#new-tab')
      await page.click('#tab-1')
      await page.type('#message', 'draft')
      await page.keyboard.press('ArrowUp')
      await page.click('#tab-2')
      await page.keyboard.press('ArrowDown')
      expect(await tester.typed()).toBe('')
      await page.keyboard.press('ArrowUp')
      expect(await tester.typed()).toBe('second')
      await page.click('#tab-1')
      await page.keyboard.press('ArrowUp')
      expect(await tester.typed()).toBe('first')
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('ArrowDown')
      expect(await tester.typed()).toBe('draft')
    })
  })

  describe('a link', () => {
    test('contains the settings and restores them', async () => {
      await tester.visit()
      await tester.openPart('connection')
      await page.type('#protocols', 'chat')
      await page.type('#message', 'a & b')
      await page.waitForFunction(() => location.hash.includes('message=a+%26+b'))
      const link = page.url()
      await page.goto('about:blank')
      await page.goto(link)
      await tester.inState('Connected')
      expect(await tester.typed()).toBe('a & b')
      expect(await page.$eval('#protocols', field => (field as HTMLInputElement).value)).toBe('chat')
      expect(await tester.log()).not.toContain('Sending')
    })

    test('does not connect to another host, and sends nothing', async () => {
      let count = 0
      const { url } = await startPeer(() => count++)
      await page.goto(`${address}#url=${encodeURIComponent(url)}&message=${encodeURIComponent('<img src=x>')}`)
      await page.waitForFunction(() => (document.querySelector('#message') as HTMLTextAreaElement).value !== '')
      expect(await tester.text('#status')).toBe('Disconnected')
      expect(await page.$eval('#url', field => (field as HTMLInputElement).value)).toBe(url)
      await page.click('#connect')
      await tester.inState('Connected')
      expect(count).toBe(1)
      expect(await page.$('main img')).toBeNull()
      expect(tester.complaints).toEqual([])
    })
  })

  test('loads less than 45 KiB at first, and the chart on demand', async () => {
    await tester.visit()
    const fetched = () =>
      page.evaluate(() =>
        [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(entry => {
          const { name, encodedBodySize } = entry as PerformanceResourceTiming
          return [name, encodedBodySize] as const
        }),
      )
    const first = await fetched()
    expect(first.map(([, size]) => size).every(size => size > 0)).toBe(true)
    expect(first.reduce((sum, [, size]) => sum + size, 0)).toBeLessThan(45 * 1024)
    expect(first.map(([name]) => name).join()).not.toContain('plot')
    await tester.openPart('chart')
    await page.waitForSelector('#plot canvas')
    expect((await fetched()).map(([name]) => name).join()).toContain('plot')
  })

  test('keeps the chosen theme', async () => {
    await tester.visit()
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)
    expect(await ground()).toBe('light dark')
    await page.click('#theme')
    await page.click('#theme')
    expect(await ground()).toBe('dark')
    await page.reload()
    expect(await ground()).toBe('dark')
  })

  test('shows its state in the title', async () => {
    await tester.visit()
    expect(await page.title()).toBe('Connected – WebSocket echo')
    await page.click('#disconnect')
    await tester.inState('Disconnected')
    expect(await page.title()).toBe('Disconnected – WebSocket echo')
  })

  test('connects, sends and disconnects by keyboard alone', async () => {
    await tester.visit()
    await page.keyboard.type('typed at once')
    await page.keyboard.press('Enter')
    await tester.logged('[RE]: typed at once')
    const focused = () => page.evaluate(() => document.activeElement?.id ?? '')
    await page.keyboard.down('Shift')
    for (let i = 0; i < 30 && (await focused()) !== 'disconnect'; i++) await page.keyboard.press('Tab')
    await page.keyboard.up('Shift')
    await page.keyboard.press('Enter')
    await tester.inState('Disconnected')
    expect(await focused()).toBe('connect')
    await page.keyboard.press('Enter')
    await tester.inState('Connected')
  })

  test('announces messages to screen readers, and summarizes a flood', async () => {
    const { url } = await startPeer(socket => {
      socket.on('message', () => {
        for (let i = 0; i < 500; i++) socket.send(`flood ${i}`)
      })
    })
    await tester.visit()
    await page.evaluate(() => {
      const said: string[] = []
      Object.assign(window, { said })
      new MutationObserver(() => {
        const text = document.querySelector('#announcer')?.textContent
        if (text) said.push(text)
      }).observe(document.querySelector('#announcer') as Element, {
        childList: true,
        characterData: true,
        subtree: true,
      })
    })
    await tester.send('hello')
    await tester.says('#announcer', '[RE]: hello')
    await tester.connectTo(url)
    await tester.inState('Connected')
    await tester.send('go')
    await tester.logged('flood 499')
    await tester.says('#announcer', 'received')
    expect(await page.evaluate(() => (window as unknown as { said: string[] }).said.length)).toBeLessThan(20)
  })
})
