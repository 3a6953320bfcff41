import { expect, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

describePage('an export', subject => {
  const talk = async () => {
    const { tester } = subject
    await tester.visit()
    await tester.send('hello')
    await tester.logged('[RE]: hello')
    await tester.chooseFormat('hex')
    await tester.send('00 ff')
    await tester.logged('Received from the server => 2 bytes')
  }
  const read = async (button: string) => {
    const { text, name } = await subject.tester.saved(button)
    return { entries: JSON.parse(text).log.entries, name }
  }

  test('is an HTTP archive with the messages of each connection', async () => {
    const { page, tester, ws } = subject
    await talk()
    await page.click('#disconnect')
    await tester.inState('Disconnected')
    await tester.openMenu('export')
    expect(await page.$eval('#export label', label => (label as HTMLElement).hidden)).toBe(true)
    const { entries, name } = await read('#export-har')
    expect(name).toMatch(/^websocket-[\dT-]+\.har$/)
    expect(entries).toMatchObject([
      {
        request: { method: 'GET', url: expect.stringMatching(/^ws:.*\/ws$/) },
        response: { status: 101 },
        _webSocketMessages: [
          { type: 'send', opcode: 1, data: 'hello' },
          { type: 'receive', opcode: 1, data: '[RE]: hello' },
          { type: 'send', opcode: 2, data: 'AP8=' },
          { type: 'receive', opcode: 2, data: 'AP8=' },
        ],
        comment: expect.stringContaining('you closed the connection'),
      },
    ])
    await tester.says('#notice', 'The file has 6 lines.')
    expect(await page.$(':popover-open')).toBeNull()

    await tester.connectTo(ws.replace('//', '//user:secret@'))
    await tester.inState('Connected')
    await tester.openMenu('export')
    const again = await read('#export-har')
    expect(again.entries).toHaveLength(2)
    expect(JSON.stringify(again)).not.toContain('secret')
    expect(tester.complaints).toEqual([])
  })

  test('has only the lines that the filter shows if one asks for that, and says how many it leaves out', async () => {
    const { page, tester } = subject
    await talk()
    const { url } = await startPeer(socket => socket.send('pushed'))
    await tester.connectTo(url)
    await tester.logged('pushed')
    await tester.chooseKind('received')
    await tester.says('#found', '3 of 8')
    await tester.openMenu('export')
    await tester.says('#export label', 'Only the 3 lines that the filter shows')
    await page.click('#export-shown')
    expect(await tester.violations()).toEqual([])
    const { entries } = await read('#export-har')
    await tester.says('#notice', 'The file has 3 lines. It leaves out 5 lines that the filter hides.')
    expect(entries).toMatchObject([
      {
        request: { url: expect.stringMatching(/\/ws$/) },
        _webSocketMessages: [{ data: '[RE]: hello' }, { data: 'AP8=' }],
      },
      { request: { url: expect.stringContaining(url) }, _webSocketMessages: [{ data: 'pushed' }] },
    ])
    await tester.openMenu('export')
    const { text, name } = await tester.saved('#export-ndjson')
    expect(name).toMatch(/\.ndjson$/)
    expect(text.trim().split('\n')).toHaveLength(3)
  })

  test('of a large log lets the page go on, and says how many lines are not in the file', {
    timeout: 180_000,
  }, async () => {
    const { page, tester } = subject
    const { url } = await startPeer(socket => {
      // More than the 64 MiB that the log keeps.
      for (let i = 0; i < 2400; i++) socket.send(Buffer.alloc(32 * 1024, i))
      socket.send('all of them')
    })
    await tester.visit()
    await tester.connectTo(url)
    await tester.logged('all of them')
    await tester.fill('#message', 'no reply')
    await tester.openMenu('repeat')
    await tester.fill('#repeat-count', '1')
    await page.click('#repeat-start')
    await tester.logged('Repeat done')
    await page.keyboard.press('Escape')
    await tester.openMenu('export')
    const ticks = await page.evaluate(async () => {
      ;(document.querySelector('#export-har') as HTMLElement).click()
      let ticks = 0
      while (!document.querySelector('#notice')?.textContent?.startsWith('The file has')) {
        // Counts how often the page gets to run another task while the file is written: a frozen page would not.
        await new Promise(resolve => setTimeout(resolve, 0))
        ticks++
      }
      return ticks
    })
    expect(ticks).toBeGreaterThan(5)
    const notice = await tester.text('#notice')
    expect(notice).toMatch(/^The file has [12],\d{3} lines\. It leaves out 1 line that this format cannot hold and /)
    expect(notice).toMatch(/ and [\d,]+ older lines that the log has already removed\./)
  })
})
