import { expect, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

const sizes = [
  [1280, 800],
  [1920, 1080],
  [360, 740],
  [740, 360],
  // 1280×800 at 200 %
  [640, 400],
] as const

describePage('the arrangement', subject => {
  const boxOf = (selector: string) =>
    subject.page.$eval(selector, element => {
      const { top, bottom, left, right } = element.getBoundingClientRect()
      return { top, bottom, left, right }
    })

  test.for(sizes)(
    'shows the log and the composer as a whole at %d×%d, whichever part is open',
    async ([width, height]) => {
      const { page, tester } = subject
      await page.setViewport({ width, height })
      await tester.visit()
      await tester.send('hello')
      await tester.logged('[RE]: hello')
      const closed = { log: await boxOf('#log'), composer: await boxOf('#composer') }
      expect(closed.log.bottom - closed.log.top).toBeGreaterThanOrEqual(84)
      for (const box of Object.values(closed)) {
        expect(box.left).toBeGreaterThanOrEqual(0)
        expect(box.right).toBeLessThanOrEqual(width)
        expect(box.bottom).toBeLessThanOrEqual(height)
      }
      await tester.openAll(async () => {
        const open = { log: await boxOf('#log'), composer: await boxOf('#composer') }
        for (const part of ['log', 'composer'] as const) {
          const { top, bottom, left } = closed[part]
          expect(open[part]).toMatchObject({ top, bottom, left })
        }
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
        expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(height)
      })
    },
  )

  test('says at first glance what the server does, and answers what is clicked', async () => {
    const { page, tester, address } = subject
    await tester.visit()
    await tester.says('#hint-title', 'Say something, and see what comes back.')
    await tester.says('#hint-text', `${address.replace('http', 'ws')}ws`)
    await page.click('#open-faults')
    await page.waitForSelector('#faults [name=delay]')
    await page.click('#side-toggle')
    await page.click('#suggestions [data-send=hello]')
    await tester.logged('Received from the server => [RE]: hello')
    await page.click('#clear')
    await page.click('#suggestions [data-burst]')
    await tester.logged('100 sent, 100 answered')
    await page.click('#clear')
    await page.click('#suggestions [data-query]')
    await tester.says('#faults-chip', '2 faults')
    await tester.logged('code 1006')
  })

  test('says only that it is connected where another server is', async () => {
    const { page, tester } = subject
    const { url, sockets } = await startPeer(() => {})
    await tester.visit()
    await tester.connectTo(url)
    await tester.says('#hint-title', 'Connected. Nothing received yet.')
    expect(await tester.isHidden('#suggestions button')).toBe(true)
    for (const socket of sockets) socket.send('pushed')
    await tester.logged('pushed')
    await page.click('#clear')
    await tester.says('#hint-title', 'Connected. The log is empty.')
  })

  test('says in the chart that round trips are unknown, from a reply on that matches no message', async () => {
    const { page, tester } = subject
    const { url, sockets } = await startPeer(socket => {
      socket.on('message', message => socket.send(`${message}`))
    })
    await tester.visit()
    await tester.connectTo(url)
    await tester.inState('Connected')
    await tester.send('hello')
    await tester.openPart('chart')
    await tester.says('#p50', 'ms')
    expect(await tester.isHidden('#chart-note')).toBe(true)
    for (const socket of sockets) socket.send('pushed')
    await page.waitForSelector('#chart-note', { visible: true })
  })

  test('remembers the open tab of the panel, which Escape closes', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.openPart('connection')
    await page.reload()
    await tester.inState('Connected')
    expect(await tester.isHidden('#protocols')).toBe(false)
    await page.focus('#protocols')
    await page.keyboard.press('Escape')
    expect(await tester.isHidden('#side')).toBe(true)
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('side-toggle')
  })

  test('is one stop of the Tab key for the log, however many rows it has, and arrows move within', async () => {
    const { page, tester } = subject
    await tester.visit()
    for (const text of ['first', 'second']) {
      await tester.send(text)
      await tester.logged(`[RE]: ${text}`)
    }
    await page.focus('#log')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('ArrowUp')
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
    expect(await focused()).toContain('Sending to the server => second')
    await page.keyboard.press('ArrowRight')
    expect(await page.evaluate(() => document.activeElement?.ariaLabel)).toBe('Send again: second')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await page.evaluate(() => document.activeElement?.ariaLabel)).toBe('Copy: second')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.closest('#log') === null)).toBe(true)
    await page.keyboard.down('Shift')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.up('Shift')
    expect(await page.evaluate(() => document.activeElement?.closest('#log') === null)).toBe(true)
  })

  test('opens the selected line in the panel with Enter, and sends it again', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('hello')
    await tester.logged('[RE]: hello')
    await page.focus('#log')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await tester.says('#message-title', 'Sent text · 5 B')
    await tester.says('#message-text', 'hello')
    await page.click('#send-again')
    await page.waitForFunction(() => document.querySelectorAll('#log [data-kind=received]').length === 2)
  })

  test('has targets of 44 pixels for fingers', async () => {
    const { page, tester, name } = subject
    if (name !== 'chrome') return
    await page.setViewport({ width: 360, height: 740, hasTouch: true, isMobile: true })
    await tester.visit()
    await tester.send('hello')
    await tester.logged('[RE]: hello')
    const small = () =>
      page.$$eval('button, select, input:not([type=checkbox]), label:has(input), #log li, a[href]', elements =>
        elements
          .filter(element => element.checkVisibility() && !element.closest('label label'))
          .filter(element => !(element as HTMLInputElement).matches('[type=radio], #url, #search, .visually-hidden'))
          .filter(element => element.getBoundingClientRect().height < 44)
          .map(element => element.outerHTML.slice(0, 80)),
      )
    expect(await small()).toEqual([])
    expect(await tester.violations()).toEqual([])
    await tester.openAll(async () => expect(await small()).toEqual([]))
  })

  test('keeps connected and disconnected apart where colours are forced', async () => {
    const { page, tester, name } = subject
    if (name !== 'chrome') return
    await (await page.createCDPSession()).send('Emulation.setEmulatedMedia', {
      features: [{ name: 'forced-colors', value: 'active' }],
    })
    await tester.visit()
    const dot = () => page.$eval('#status', status => getComputedStyle(status, '::before').borderTopWidth)
    const connected = await dot()
    await page.click('#disconnect')
    await tester.inState('Disconnected')
    expect(await dot()).not.toBe(connected)
    expect(await tester.violations()).toEqual([])
  })
})
