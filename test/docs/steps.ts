import { marked, type Token, type Tokens } from 'marked'

type Language = 'sh' | 'js' | 'python'

/** Something that a document tells its readers to run, or that the tests do on their behalf. */
export type Step = {
  language: Language
  code: string
  /** What the document shows as the output, where `…` stands for anything. */
  expected: string | undefined
  /** Whether it goes on until it is stopped. */
  isBackground: boolean
  /** Whether it ends with an error, as the document says. */
  fails: boolean
  /** The page in whose console it runs. */
  console: string | undefined
}

const isLanguage = (text: string): text is Language => ['sh', 'js', 'python'].includes(text)

/**
 * Reads the steps of a Markdown document, in order: its blocks of code, and the comments that only the tests see.
 *
 * - `<!-- ci: run … -->` is a command that readers don't need.
 * - `<!-- ci: background -->` before a block: it goes on until `<!-- ci: stop -->`, or the end of the document.
 * - `<!-- ci: console http://… -->` before a block of JavaScript: it runs in the browser's console on that page.
 * - `<!-- ci: fails -->` before a block: it ends with an error.
 * - `<!-- ci: skip … -->` before a block: it can't be run, for this reason.
 */
export function readSteps(markdown: string): (Step | 'stop')[] {
  const steps: (Step | 'stop')[] = []
  let directive: string | undefined
  let last: Step | undefined
  marked.walkTokens(marked.lexer(markdown), (token: Token) => {
    if (token.type === 'html') {
      for (const [, word = '', rest = ''] of token.raw.matchAll(/<!-- ci: (\w+) ?(.*?) -->/g)) {
        if (word === 'run') steps.push({ ...NO_OUTPUT, language: 'sh', code: rest })
        else if (word === 'stop') steps.push('stop')
        else if (['background', 'console', 'fails', 'skip'].includes(word)) directive = `${word} ${rest}`
        else throw new Error(`unknown directive: ${token.raw}`)
      }
    } else if (token.type === 'code') {
      const { lang: language = '', text: code } = token as Tokens.Code
      if (language === 'text' && last) last.expected = code
      last = undefined
      if (!isLanguage(language)) return
      const [word, argument] = directive?.split(' ') ?? []
      directive = undefined
      if (word === 'skip') return
      last = {
        language,
        code,
        expected: undefined,
        isBackground: word === 'background',
        fails: word === 'fails',
        console: word === 'console' ? argument : undefined,
      }
      steps.push(last)
    } else if (token.type === 'heading') {
      last = undefined
    }
  })
  return steps
}

const NO_OUTPUT = { expected: undefined, isBackground: false, fails: false, console: undefined }

/** Turns output as a document shows it into a pattern: `…` is anything within a line, and alone any number of lines. */
export function patternOf(expected: string): string {
  const lines = expected.trimEnd().split('\n')
  const patterns = lines.map((line, i) => {
    const isLast = i === lines.length - 1
    if (line === '…') return isLast ? '[^]*' : '(?:.*\n)*?'
    return line.trimEnd().split('…').map(RegExp.escape).join('.*?') + (isLast ? '' : '\n')
  })
  return patterns.join('')
}
