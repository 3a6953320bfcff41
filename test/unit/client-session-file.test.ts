import { expect, test } from 'vitest'
import { readSessionFile, type SessionFile, writeSessionFile } from '../../client/core/session-file.ts'

const contents: SessionFile = {
  tabs: [
    {
      url: 'ws://a/',
      protocols: 'chat',
      format: 'hex',
      message: '00',
      closeCode: '4000',
      reconnect: 'on',
      repeat: { count: '', seconds: '0.5', inFlight: '1', isAtConnect: true },
    },
  ],
  savedMessages: [
    { name: 'hello', format: 'text', text: 'né\n' },
    { name: 'hello', format: 'text', text: '', server: 'a' },
  ],
  addresses: ['ws://a/'],
  variables: [{ name: 'id', value: '', path: '$.id' }],
}

test('a file that was exported is read again', () => {
  expect(readSessionFile(writeSessionFile(contents))).toEqual(contents)
})

test('a file reveals no user name or password', () => {
  const [tab] = contents.tabs
  const secret = 'ws://user:secret@a/'
  const text = writeSessionFile({ ...contents, tabs: tab ? [{ ...tab, url: secret }] : [], addresses: [secret] })
  expect(text).not.toContain('secret')
})

const exported = () => JSON.parse(writeSessionFile(contents))
const edited = (edit: (file: ReturnType<typeof exported>) => void) => {
  const file = exported()
  edit(file)
  return JSON.stringify(file)
}

test.each([
  ['', /^The file is not JSON: /],
  ['{"format":', /^The file is not JSON: /],
  ['{}', /^The file was not exported by this page\.$/],
  ['null', /^The file was not exported by this page\.$/],
  ['[1]', /^The file was not exported by this page\.$/],
  [edited(file => Object.assign(file, { version: 2, more: 1 })), /version is 2, but this page reads only version 1\.$/],
  [edited(file => delete file.tabs), /tabs is missing\.$/],
  [edited(file => Object.assign(file, { tabs: {} })), /tabs must be a list, but is \{\}\.$/],
  [edited(file => file.tabs.push(null)), /tabs\[1\] must be an object, but is null\.$/],
  [edited(file => delete file.tabs[0].url), /tabs\[0\]\.url is missing\.$/],
  [
    edited(file => Object.assign(file.tabs[0], { format: 'xml' })),
    /tabs\[0\]\.format must be "text", "json", "hex" or "base64", but is "xml"\.$/,
  ],
  [edited(file => delete file.tabs[0].repeat.count), /tabs\[0\]\.repeat\.count is missing\.$/],
  [
    edited(file => Object.assign(file.tabs[0].repeat, { isAtConnect: 'on' })),
    /tabs\[0\]\.repeat\.isAtConnect must be true or false, but is "on"\.$/,
  ],
  [edited(file => Object.assign(file.savedMessages[1], { server: '' })), /savedMessages\[1\]\.server is empty\.$/],
  [edited(file => Object.assign(file.tabs[0], { colour: 1 })), /tabs\[0\]\.colour is not known\.$/],
  [edited(file => Object.assign(file.savedMessages[0], { name: '' })), /savedMessages\[0\]\.name is empty\.$/],
  [
    edited(file => Object.assign(file.savedMessages[1], { server: 1 })),
    /savedMessages\[1\]\.server must be a text, but is 1\.$/,
  ],
  [edited(file => file.addresses.push(['a'.repeat(99)])), /addresses\[1\] must be a text, but is \["a+…\.$/],
  [
    edited(file => file.addresses.push(...Array(20).fill('a'))),
    /addresses has 21 entries, but at most 20 are possible\.$/,
  ],
  [edited(file => Object.assign(file.variables[0], { name: 'uuid' })), /variables\[0\]: "uuid" is a built-in variable/],
  [edited(file => Object.assign(file.variables[0], { path: 'a..b' })), /variables\[0\]: .*is not a part of a path/],
  [
    edited(file => {
      file.tabs[0] = JSON.parse('{"__proto__":1,"url":"","protocols":"","format":"text","message":""}')
    }),
    /tabs\[0\]\.__proto__ is not known\.$/,
  ],
])('a file with a fault is refused with its place (case %#)', (text, problem) => {
  expect(readSessionFile(text)).toEqual({ problem: expect.stringMatching(problem) })
})
