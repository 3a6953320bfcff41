import { expect, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

describePage('the composer', subject => {
  const press = async (...keys: string[]) => {
    for (const key of keys) await subject.page.keyboard.press(key as 'Enter')
  }
  const undo = async () => {
    await subject.page.keyboard.down('Control')
    await subject.page.keyboard.press('z')
    await subject.page.keyboard.up('Control')
  }
  const heightOf = (selector: string) => subject.page.$eval(selector, element => element.getBoundingClientRect().height)

  test('always shows as what it sends, also when a link chose it', async () => {
    const { page, tester } = subject
    await tester.visit('#format=base64')
    await page.type('#message', 'test')
    expect(await page.$eval('#formats :checked', radio => radio.parentElement?.textContent)).toBe('Base64')
    expect(await tester.isHidden('#formats')).toBe(false)
    expect(await tester.text('#size')).toBe('3 B · binary')
  })

  test('grows with a long line without breaks, up to eight lines', async () => {
    const { page, tester } = subject
    await tester.visit()
    const one = await heightOf('#message')
    await tester.fill('#message', 'a'.repeat(400))
    const several = await heightOf('#message')
    expect(several).toBeGreaterThan(one + 30)
    await tester.fill('#message', 'a\n'.repeat(20))
    expect(await heightOf('#message')).toBeLessThanOrEqual(one + 7 * 20 + 1)
    await tester.fill('#message', '')
    expect(await heightOf('#message')).toBe(one)
    expect(await page.$eval('#composer', box => box.getBoundingClientRect().bottom)).toBeLessThanOrEqual(800)
  })

  test('moves the caret with ArrowUp in a wrapped text, instead of replacing the text', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('older')
    await tester.logged('[RE]: older')
    const text = 'some words '.repeat(40)
    await tester.fill('#message', text)
    await page.focus('#message')
    await page.$eval('#message', field => (field as HTMLTextAreaElement).setSelectionRange(300, 300))
    await press('ArrowUp')
    expect(await tester.typed()).toBe(text)
    const caret = await page.$eval('#message', field => (field as HTMLTextAreaElement).selectionStart)
    expect(caret).toBeLessThan(300)
  })

  test('does not move while hex or base64 is typed, and complains about a last digit only afterwards', async () => {
    const { page, tester } = subject
    await tester.visit()
    for (const [format, keys] of [
      ['hex', '00f'],
      ['base64', 'AP9'],
    ] as const) {
      await tester.chooseFormat(format)
      await page.focus('#message')
      const tops = new Set<number>()
      for (const key of keys) {
        await page.keyboard.type(key)
        tops.add(await page.$eval('#message', field => field.getBoundingClientRect().top))
        expect(await tester.text('#message-problem')).toBe('')
      }
      expect(tops.size).toBe(1)
      await page.focus('#search')
      if (format === 'hex') await tester.says('#message-problem', 'only one hex digit')
      await tester.fill('#message', '')
    }
  })

  test('connects and sends with Enter while disconnected', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.click('#disconnect')
    await tester.inState('Disconnected')
    await tester.send('at once')
    await tester.logged('[RE]: at once')
    expect(await tester.typed()).toBe('')
  })

  test('sends one message for an Enter that is held, and none for one that an input method uses', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.focus('#message')
    await page.keyboard.type('held')
    await page.keyboard.down('Enter')
    for (let i = 0; i < 5; i++) await page.keyboard.down('Enter')
    await page.keyboard.up('Enter')
    await tester.logged('[RE]: held')
    await page.keyboard.type('composed')
    await page.$eval('#message', field => {
      // Safari reports the Enter that ends composing in this way.
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }))
    })
    expect(await tester.typed()).toBe('composed')
    expect((await tester.log()).match(/Sending to the server/g)).toHaveLength(1)
  })

  test('gives the text back to Ctrl+Z after formatting JSON, a step through the history, and a saved message', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.send('older')
    await tester.logged('[RE]: older')
    await tester.chooseFormat('json')
    await page.type('#message', '{"a":1}')
    await page.click('#format-json')
    expect(await tester.typed()).toBe('{\n  "a": 1\n}')
    await page.focus('#message')
    await undo()
    expect(await tester.typed()).toBe('{"a":1}')

    await tester.chooseFormat('text')
    await page.focus('#message')
    await press('ArrowUp')
    expect(await tester.typed()).toBe('older')
    await undo()
    expect(await tester.typed()).toBe('{"a":1}')

    await tester.openMenu('saved')
    await page.type('#save-name', 'mine')
    await press('Enter')
    await press('Escape')
    await tester.fill('#message', '')
    await page.type('#message', 'draft')
    await tester.openMenu('saved')
    await page.click('#saved li button')
    expect(await tester.typed()).toBe('{"a":1}')
    await undo()
    expect(await tester.typed()).toBe('draft')
  })

  test('takes one of several files and says so, and leaves text that is dropped to the field', async () => {
    const { page, tester } = subject
    await tester.visit()
    const isCancelled = await page.$eval('#message', field => {
      const dataTransfer = new DataTransfer()
      dataTransfer.setData('text/plain', 'dragged')
      return !field.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    })
    expect(isCancelled).toBe(false)
    await page.$eval('#log', log => {
      const dataTransfer = new DataTransfer()
      for (const name of ['one.bin', 'two.bin']) dataTransfer.items.add(new File(['x'], name))
      log.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    })
    await tester.says('#attachment', 'one.bin')
    await tester.says('#message-problem', 'Only one.bin was taken')
  })

  test('attaches a very long text that is pasted', async () => {
    const { page, tester } = subject
    const received = Promise.withResolvers<number>()
    const { url } = await startPeer(socket => socket.on('message', data => received.resolve(String(data).length)))
    await tester.visit()
    await tester.connectTo(url)
    await tester.inState('Connected')
    await tester.fill('#message', 'a'.repeat(300_000))
    await page.focus('#message')
    await page.keyboard.down('Control')
    for (const key of ['a', 'x', 'v'] as const) await page.keyboard.press(key)
    await page.keyboard.up('Control')
    await tester.says('#attachment', 'Pasted text')
    await page.click('#send')
    expect(await received.promise).toBe(300_000)
  })

  test('says that a saved message is lost if storage is full, and undoes a deletion and a replacement', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.type('#message', 'first')
    const save = async (name: string) => {
      if (!(await page.$('#saved:popover-open'))) await tester.openMenu('saved')
      await tester.fill('#save-name', name)
      await page.click('#save button')
    }
    await save('')
    await tester.says('#save-problem', 'Type a name')
    await save('mine')
    await tester.says('#notice', '“mine” saved.')
    await page.click('#saved li button[aria-label="Delete mine"]')
    await tester.says('#notice', '“mine” deleted.')
    await page.click('#notice button')
    await press('Escape')
    await tester.openMenu('saved')
    expect(await tester.text('#saved li button')).toBe('mine')
    await page.evaluate(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('full', 'QuotaExceededError')
      }
    })
    await save('lost')
    await tester.says('#save-problem', "the browser's storage is full")
  })

  test('has its menus after their buttons in the order of the Tab key, and Escape closes them', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.focus('#repeat-toggle')
    await press('Enter')
    await page.waitForSelector('#repeat:popover-open')
    await press('Tab')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('repeat-count')
    await press('Escape')
    expect(await page.$('#repeat:popover-open')).toBeNull()
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('repeat-toggle')
  })
})
