import type { Browser, Page } from 'puppeteer-core'
import { beforeAll, beforeEach, describe, inject } from 'vitest'
import { type BrowserName, browserNames, findBrowser, launchBrowser } from './browser.ts'
import { openTester, type Tester } from './tester.ts'

/** What the tests of one browser use. The page and its tester are new for each test. */
export type Subject = { name: BrowserName; address: string; ws: string; browser: Browser; page: Page; tester: Tester }

/** Defines tests of the stack's page in each installed browser. Each test has a browser context of its own. */
export function describePage(title: string, define: (subject: Subject) => void, names = browserNames) {
  const stack = inject('stack')
  const { page: address = '', ws = '' } = stack ?? {}

  describe.for(names.filter(findBrowser))(`${title} in %s`, { skip: !stack }, name => {
    const subject = { name, address, ws } as Subject

    beforeAll(async () => {
      subject.browser = await launchBrowser(name)
      return () => subject.browser.close()
    })

    beforeEach(async () => {
      const context = await subject.browser.createBrowserContext()
      subject.tester = await openTester(context, address)
      subject.page = subject.tester.page
      return () => context.close()
    })

    define(subject)
  })
}
