import lighthouse, { desktopConfig } from 'lighthouse'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { findBrowser, launchBrowser } from './browser.ts'

const stack = inject('stack')

// Performance is left out, because it depends on the load of the machine. `npm run bench:page` prints it.
const categories = ['accessibility', 'best-practices', 'seo']

describe.skipIf(!stack || !findBrowser('chrome'))('Lighthouse', () => {
  test.for(['mobile', 'desktop'])('gives the page full scores (%s)', async kind => {
    const browser = await launchBrowser('chrome')
    onTestFinished(() => browser.close())
    const config = kind === 'desktop' ? desktopConfig : undefined
    const page = await browser.newPage()
    const result = await lighthouse(stack?.page, { onlyCategories: categories, logLevel: 'silent' }, config, page)

    const audits = result?.lhr.audits ?? {}
    const failed = Object.values(result?.lhr.categories ?? {}).flatMap(({ auditRefs }) =>
      auditRefs
        .filter(({ id, weight }) => weight > 0 && (audits[id]?.score ?? 1) < 1)
        .map(({ id }) => audits[id]?.title),
    )
    expect(failed).toEqual([])
    const scores = Object.values(result?.lhr.categories ?? {}).map(({ id, score }) => [id, score])
    expect(scores).toEqual(categories.map(id => [id, 1]))
  })
})
