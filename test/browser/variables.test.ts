import { expect, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

describePage('variables', subject => {
  const press = (key: string) => subject.page.keyboard.press(key as 'Enter')
  const sent = () =>
    subject.page.$$eval('#log [data-kind=sent] code', codes => codes.map(code => code.textContent ?? ''))
  const openView = async () => {
    const { page, tester } = subject
    await tester.openPart('message')
    await page.waitForSelector('#variables-view summary', { visible: true })
    await page.click('#variables-view summary')
    await page.waitForSelector('#variables-view dt button')
  }
  const set = async (name: string, source: 'typed' | 'reply', value: string) => {
    const { page, tester } = subject
    await tester.fill('#variable-name', name)
    await page.select('#variable-source', source)
    await tester.fill('#variable-value', value)
    await page.click('#variables-view [type=submit]')
  }

  test('of the page are replaced, and the line below the message says so', async () => {
    const { page, tester } = subject
    await tester.visit()
    const typed = '#{{counter}} {{uuid}} {{ timestamp }} {{uuid}}'
    const before = Date.now()
    await page.type('#message', typed)
    await tester.says('#size', 'Replaces counter, uuid, and timestamp · ')
    await press('Enter')
    await tester.logged('[RE]: #1 ')
    const [text = ''] = await sent()
    const [, uuid = '', time, again] = text.split(' ')
    expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/)
    expect(again).toBe(uuid)
    expect(Number(time)).toBeGreaterThanOrEqual(before)
    await press('ArrowUp')
    expect(await tester.typed()).toBe(typed)
    await press('Enter')
    await tester.logged('[RE]: #2 ')
    expect((await sent())[1]).not.toContain(uuid)
    expect(tester.complaints).toEqual([])
  })

  test('are replaced in JSON before it is checked, and not in hex', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.chooseFormat('json')
    await page.type('#message', '{"n":{{counter}},"s":"{{uuid}}"}')
    await tester.says('#size', 'valid JSON')
    await press('Enter')
    await tester.logged('[RE]: {"n":1,"s":"')
    await page.type('#message', '{"n":{{nope}}}')
    await press('Enter')
    await tester.says('#message-problem', 'Not valid JSON')
    expect(await sent()).toHaveLength(1)
    await tester.chooseFormat('hex')
    await tester.fill('#message', '{{counter}}')
    await press('Enter')
    await tester.says('#message-problem', 'Not valid hex')
    expect(await sent()).toHaveLength(1)
  })

  test('that nobody has set are sent as typed, which the line below the message says', async () => {
    const { page, tester } = subject
    await tester.visit()
    await page.type('#message', 'Dear {{name}}, \\{{uuid}}')
    await tester.says('#message-problem', '{{name}} is not a variable, and is sent as typed.')
    expect(await page.$eval('#message', field => field.getAttribute('aria-invalid'))).toBe('false')
    await press('Enter')
    await tester.logged('[RE]: Dear {{name}}, {{uuid}}')
    expect(await sent()).toEqual(['Dear {{name}}, {{uuid}}'])
  })

  test('are set in the panel, for all tabs and over a reload, and no link has their values', async () => {
    const { page, tester } = subject
    await tester.visit()
    await openView()
    await set('1st', 'typed', 'x')
    await tester.says('#variable-problem', 'A name begins with a letter')
    expect(await page.$eval('#variable-name', field => field.ariaInvalid)).toBe('true')
    await set('word', 'typed', 'secret value')
    await tester.says('#notice', '“word” saved.')
    expect(await tester.violations()).toEqual([])
    await page.click('#variables-view [data-name=word] dt button')
    await page.keyboard.type('!')
    expect(await tester.typed()).toBe('{{word}}!')
    await page.waitForFunction(() => location.hash.includes('word'))
    expect(page.url()).not.toContain('secret')

    await page.click('#new-tab')
    await page.click('#connect')
    await tester.inState('Connected')
    await tester.send('from {{word}}')
    await tester.logged('[RE]: from secret value')
    await page.click('#tab-1')
    await page.reload()
    await tester.inState('Connected')
    await page.focus('#message')
    await tester.says('#size', 'Replaces word')
    await press('Enter')
    await tester.logged('[RE]: secret value!')
  })

  test('can be changed and deleted, and a notice undoes that', async () => {
    const { page, tester } = subject
    await tester.visit()
    await openView()
    await set('word', 'typed', 'old')
    await tester.says('[data-name=word] .value', 'old')
    await page.click('[aria-label="Edit word"]')
    await tester.fill('#variable-value', 'new')
    await page.click('#variables-view [type=submit]')
    await tester.says('[data-name=word] .value', 'new')
    await tester.says('#notice', '“word” replaced.')
    await page.click('#notice button')
    await tester.says('[data-name=word] .value', 'old')
    await tester.fill('#message', '{{word}}')
    await tester.says('#size', 'Replaces word')
    await page.click('[aria-label="Delete word"]')
    await tester.says('#message-problem', '{{word}} is not a variable')
    await page.click('#notice button')
    await tester.says('#size', 'Replaces word')
    await page.evaluate(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('full', 'QuotaExceededError')
      }
    })
    await set('word', 'typed', 'unkept')
    await tester.says('#notice', "the browser's storage is full")
    await page.click('#send')
    await tester.logged('[RE]: unkept')
  })

  test('are taken from the newest reply, and nothing is sent before there is one', async () => {
    const { page, tester } = subject
    const { url, sockets } = await startPeer(socket => socket.on('message', text => socket.send(`{"got":"${text}"}`)))
    await tester.visit()
    await tester.connectTo(url)
    await tester.inState('Connected')
    await openView()
    await set('id', 'reply', 'a..b')
    await tester.says('#variable-problem', 'is not a part of a path')
    expect(await page.$eval('#variable-value', field => field.ariaInvalid)).toBe('true')
    await set('id', 'reply', '$.user.id')
    await tester.says('[data-name=id] .value', 'no value yet')
    await page.type('#message', '{{id}}')
    await press('Enter')
    await tester.says('#message-problem', '{{id}} has no value yet: no reply in the log has $.user.id.')
    expect(await sent()).toEqual([])
    for (const socket of sockets) socket.send('Hello {"user":{"id":41}}')
    await tester.says('#size', 'Replaces id')
    await tester.says('[data-name=id] .value', '41')
    for (const socket of sockets) socket.send('{"user":{"id":42}}')
    await tester.logged('42')
    await page.select('#variable-source', 'reply')
    await page.focus('#variable-value')
    expect(await page.$$eval('#variable-paths option', options => options.map(({ value }) => value))).toEqual([
      '$.user.id',
    ])
    await page.focus('#message')
    await press('Enter')
    await tester.logged('{"got":"42"}')
  })

  test('get new values for each repetition', async () => {
    const { page, tester } = subject
    await tester.visit()
    await tester.fill('#message', '{{counter}} {{uuid}}')
    await tester.says('#size', 'Replaces')
    await tester.openMenu('repeat')
    await tester.fill('#repeat-count', '3')
    await tester.fill('#repeat-seconds', '0')
    await page.click('#repeat-start')
    await tester.logged('3 sent, 3 answered')
    const messages = (await sent()).map(text => text.split(' '))
    expect(messages.map(([counter]) => counter)).toEqual(['1', '2', '3'])
    expect(new Set(messages.map(([, uuid]) => uuid)).size).toBe(3)
  })

  test('do not change the order of messages while their code is loading', async () => {
    const { page, tester } = subject
    const held = Promise.withResolvers<void>()
    await page.setRequestInterception(true)
    page.on('request', async request => {
      if (request.url().includes('side-parts-')) await held.promise
      await request.continue()
    })
    await tester.visit()
    for (const text of ['{{counter}}', 'plain', 'again {{counter}}']) {
      await page.type('#message', text)
      await press('Enter')
    }
    await tester.says('#size', 'Loading the code for variables')
    expect(await tester.typed()).toBe('')
    expect(await sent()).toEqual([])
    await page.type('#message', 'draft')
    held.resolve()
    await tester.logged('[RE]: again 2')
    expect(await sent()).toEqual(['1', 'plain', 'again 2'])
    expect(await tester.typed()).toBe('draft')
  })

  test('are not sent if their code cannot be loaded, and the field says so', async () => {
    const { page, tester, name } = subject
    let isBroken = true
    await page.setRequestInterception(true)
    page.on('request', request => {
      void (isBroken && request.url().includes('side-parts-') ? request.abort() : request.continue())
    })
    await tester.visit()
    await page.type('#message', '{{counter}}')
    await press('Enter')
    await tester.says('#message-problem', 'could not be loaded')
    expect(await tester.typed()).toBe('{{counter}}')
    expect(await sent()).toEqual([])
    isBroken = false
    await page.type('#message', '!')
    if (name !== 'chrome') {
      await page.waitForFunction(() => location.hash.endsWith('%21'))
      await page.reload()
      await tester.inState('Connected')
    }
    await tester.says('#size', 'Replaces counter')
    await press('Enter')
    await tester.logged('[RE]: 1!')
  })
})
