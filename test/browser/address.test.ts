import { expect, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

describePage('the address', subject => {
  const fieldValue = (selector: string) => subject.page.$eval(selector, field => (field as HTMLInputElement).value)
  const nameOf = (tab: string) => subject.tester.text(`${tab} .name`)

  test('that is connected stays visible while another one is typed, and Escape brings it back', async () => {
    const { page, tester } = subject
    await tester.visit()
    const own = await fieldValue('#url')
    await tester.fill('#url', 'ws://example.com/feed')
    expect(await tester.text('#connect')).toBe('RECONNECT')
    expect(await page.$eval('#status', status => status.getAttribute('data-elsewhere'))).toBe(`to ${own}`)
    expect(own).toContain(await nameOf('#tab-1'))
    await tester.openPart('connection')
    await tester.says('#connected-to', own)
    await page.focus('#url')
    await page.keyboard.press('Escape')
    expect(await fieldValue('#url')).toBe(own)
    expect(await tester.isHidden('#connect')).toBe(true)
  })

  test.for([
    ['ws://localhost:99999/', 'The port 99999 is too high'],
    ['ftp://localhost/', '"ftp://" is not for WebSockets'],
    ['', 'Type the address of a server'],
  ] as const)('that is invalid is explained at its field: %j', async ([typed, words]) => {
    const { page, tester } = subject
    await tester.visit()
    await page.click('#disconnect')
    await tester.inState('Disconnected')
    await tester.fill('#url', typed)
    await page.click('#connect')
    await tester.says('#address-problem', words)
    expect(await page.$eval('#url', field => field.ariaInvalid)).toBe('true')
    await tester.fill('#url', 'ws://localhost/')
    expect(await tester.text('#address-problem')).toBe('')
  })

  test('may lack its scheme, and is offered again later, without its password', async () => {
    const { page, tester } = subject
    const { url } = await startPeer(() => {})
    await tester.visit()
    await tester.connectTo(url.replace('ws://', 'user:secret@'))
    await tester.inState('Connected')
    await tester.send('hello')
    await page.waitForFunction(() => location.hash.includes('url='))
    expect(page.url()).not.toContain('secret')
    await page.reload()
    await page.focus('#url')
    const offered = await page.$$eval('#recent option', options => options.map(({ value }) => value))
    expect(offered.join()).toContain(url.slice('ws://'.length, -1))
    expect(offered.join()).not.toContain('secret')
  })

  test('may have faults: a wrong one is explained at its field, and an unknown one is named', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openPart('faults')
    await page.type('#faults [name=delay]', 'soon')
    await page.click('#faults [type=submit]')
    await tester.says('#hint-delay', 'Expected a duration')
    expect(await page.$eval('#faults [name=delay]', field => field.ariaInvalid)).toBe('true')
    await tester.says('#address-problem', 'fault')
    await tester.fill('#faults [name=delay]', '20ms')
    expect(await page.$eval('#faults [name=delay]', field => field.ariaInvalid)).toBe('false')
    expect(await tester.text('#faults [type=submit]')).toBe('Connect with 1 fault')
    await page.click('#clear-faults')
    expect(await fieldValue('#url')).not.toContain('?')
    await tester.fill('#url', `${await fieldValue('#url')}?los=1`)
    await tester.says('#unknown', '"los"')
  })

  test('says which faults the connection has, and which ones only the address', async () => {
    const { page, tester } = subject
    await tester.visit()
    const own = await fieldValue('#url')
    await tester.fill('#url', `${own}?delay=20ms`)
    await tester.says('#faults-chip', '1 fault, not yet on')
    await page.click('#connect')
    await tester.says('#faults-chip', '1 fault on')
    await tester.inState('Connected')
    await tester.fill('#url', own)
    await tester.says('#faults-chip', '1 fault still on')
    await page.click('#connect')
    await page.waitForFunction(() => document.querySelector<HTMLElement>('#faults-chip')?.hidden)
    await page.click('#disconnect')
    await tester.inState('Disconnected')
    await tester.fill('#url', `${own}?delay=20ms`)
    await page.waitForFunction(() => document.querySelector('#faults-chip')?.textContent === '1 fault')
  })

  test('offers RECONNECT when the subprotocols are edited', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openPart('connection')
    await page.type('#protocols', 'chat')
    expect(await tester.isHidden('#disconnect')).toBe(true)
    expect(await tester.text('#connect')).toBe('RECONNECT')
    await page.click('#connect')
    await tester.says('#protocol', 'chat')
  })

  test('gets the faults of a preset from an ordinary link', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.type('#message', 'a draft')
    await tester.openPart('faults')
    await page.click('#presets a')
    await tester.says('#faults-chip', '3 faults on')
    expect(await fieldValue('#url')).toContain('delay=400ms')
    expect(await tester.typed()).toBe('a draft')
    await tester.inState('Connected')
  })

  test('of the page that is no WebSocket is explained by what a GET gets there', async () => {
    const { tester, address } = subject
    await tester.visit()
    await tester.connectTo(`${address.replace('http', 'ws')}nope`)
    await tester.logged('A plain HTTP request to the same address gets 4')
    expect(await tester.log()).not.toMatch(/405|<html/)
  })

  test('says who ended a connection', async () => {
    const { page, tester, ws } = subject
    await tester.visit()
    await page.click('#disconnect')
    await tester.logged('because you closed the connection (code 1000: Normal Closure')
    await tester.connectTo(`${ws}?handshake-delay=5m`)
    await page.click('#disconnect')
    await tester.logged('was cancelled')
    expect(await tester.log()).not.toContain('1006')
    await page.click('#clear')
    await tester.connectTo(ws)
    await tester.inState('Connected')
    const { url } = await startPeer(socket => socket.close(4321, 'because'))
    await tester.fill('#url', url)
    await page.click('#connect')
    await tester.logged(`because a connection to ${url} takes its place`)
    await tester.logged('(code 4321')
    expect(await tester.log()).not.toContain('code 1000')
  })

  test('and all settings are in the link', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openPart('connection')
    await tester.fill('#close-code', '4001')
    await tester.fill('#close-reason', 'done')
    await page.click('#reconnect')
    await page.waitForFunction(() => location.hash.includes('reconnect=on'))
    const link = page.url()
    await page.goto('about:blank')
    await page.goto(link)
    await tester.inState('Connected')
    expect(await fieldValue('#close-code')).toBe('4001')
    expect(await fieldValue('#close-reason')).toBe('done')
    expect(await page.$eval('#reconnect', box => (box as HTMLInputElement).checked)).toBe(true)
  })

  test('is copied as a link at once, without its password, and a notice says so', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.evaluate(() => {
      Object.defineProperty(navigator, 'clipboard', {
        value: { writeText: async (text: string) => Object.assign(window, { copied: text }) },
      })
      const url = document.querySelector<HTMLInputElement>('#url')
      if (url) url.value = 'ws://user:secret@example.com/ws'
      document.querySelector<HTMLElement>('#copy-link')?.click()
    })
    await tester.says('#notice', 'The link is copied. It leaves out the user name and password.')
    const copied = await page.evaluate(() => (window as unknown as { copied: string }).copied)
    expect(new URL(copied).hash).toBe('#url=ws%3A%2F%2Fexample.com%2Fws')
  })
})

describePage('tabs', subject => {
  const names = () => subject.page.$$eval('#tabs .name', spans => spans.map(({ textContent }) => textContent))

  test('have names of their own, and the selected one of twelve is in sight', async () => {
    const { page, tester } = subject
    await page.setViewport({ width: 800, height: 600 })
    await tester.visit()
    for (let i = 0; i < 11; i++) await page.click('#new-tab')
    expect(new Set(await names()).size).toBe(12)
    const isInSight = () =>
      page.$eval('#tabs [aria-selected=true]', tab => {
        const { left, right } = tab.getBoundingClientRect()
        const list = tab.parentElement?.getBoundingClientRect()
        return list !== undefined && left >= list.left - 1 && right <= list.right + 1
      })
    expect(await isInSight()).toBe(true)
    await page.hover('#tabs [aria-selected=true]')
    await page.mouse.wheel({ deltaY: -5000 })
    await page.waitForFunction(() => document.querySelector('#tabs [role=tablist]')?.scrollLeft === 0)
    await page.click('#tab-1')
    expect(await isInSight()).toBe(true)
  })

  test('close by their own ×, by the middle button and by Delete, and a notice opens them again', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('kept')
    await tester.logged('[RE]: kept')
    for (let i = 0; i < 3; i++) await page.click('#new-tab')
    await page.click('#tab-1 .close')
    expect(await names()).toHaveLength(3)
    await page.click('#notice button')
    expect(await names()).toHaveLength(4)
    await tester.logged('[RE]: kept')
    await page.click('#tab-2', { button: 'middle' })
    expect(await names()).toHaveLength(3)
    await page.focus('#tab-1')
    await page.keyboard.press('Delete')
    expect(await names()).toHaveLength(2)
  })

  test('in the background show their messages and their end, as does the title of the window', async () => {
    const { page, tester } = subject
    const { url, sockets } = await startPeer(() => {})
    await tester.visit()
    await tester.connectTo(url)
    await tester.inState('Connected')
    await page.click('#new-tab')
    for (const socket of sockets) for (let i = 0; i < 12; i++) socket.send('news')
    await tester.says('#tab-1 .unread', '12')
    await page.waitForFunction(() => document.title.startsWith('(12) '))
    for (const socket of sockets) socket.close()
    await page.waitForSelector('#tab-1[data-state=disconnected]')
    await page.click('#tab-1')
    expect(await tester.text('#tab-1 .unread')).toBe('')
    await page.waitForFunction(() => !document.title.startsWith('('))
  })

  test('survive a reload with their settings and drafts', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.type('#message', 'draft of the first')
    await page.click('#new-tab')
    await tester.openPart('connection')
    await page.type('#protocols', 'chat')
    await page.type('#message', 'draft of the second')
    await page.reload()
    await page.waitForSelector('#tab-2')
    expect(await tester.typed()).toBe('draft of the second')
    expect(await page.$eval('#protocols', field => (field as HTMLInputElement).value)).toBe('chat')
    await page.click('#tab-1')
    expect(await tester.typed()).toBe('draft of the first')
    await tester.inState('Connected')
  })

  // Firefox does not cache a page with an open WebSocket: it loads such a page again.
  test('connect again when the user leaves the page and comes back', async () => {
    const { name, page, tester } = subject
    const { port } = await startPeer(() => {}, {
      onRequest: (_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>Other</title>'),
    })
    await tester.visit()
    await page.evaluate(() => Object.assign(window, { isSame: true }))
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.goBack()
    await tester.inState('Connected')
    expect(await tester.log()).not.toMatch(/1006|Error/)
    expect(await page.evaluate(() => 'isSame' in window)).toBe(name === 'chrome')
    if (name === 'chrome') expect(await tester.log()).toContain('because you left the page')
    await tester.send('back')
    await tester.logged('[RE]: back')
    expect(tester.complaints).toEqual([])
  })

  test('connect again when a browser takes the page from its cache', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })))
    await tester.logged('because you left the page')
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))
    await tester.inState('Connected')
    expect(await tester.log()).not.toMatch(/1006|Error/)
    await tester.send('back')
    await tester.logged('[RE]: back')
  })
})
