import { expect, test } from 'vitest'
import { describePage } from './page-tests.ts'
import { startPeer } from './peer.ts'

/** A text on the canvas with its edges, in pixels of the canvas. */
type Label = { text: string; left: number; right: number; width: number }

describePage('the chart', subject => {
  test('has axis labels that fit, and a line for the rate only from the first message on', async () => {
    const { page, tester } = subject
    const { url } = await startPeer(socket =>
      socket.on('message', data => setTimeout(() => socket.send(String(data)), 1000)),
    )
    await page.evaluateOnNewDocument(() => {
      const labels = new Map<string, Label>()
      Object.assign(window, { labels })
      const { fillText } = CanvasRenderingContext2D.prototype
      CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        fillText.call(this, text, x, y)
        const { actualBoundingBoxLeft, actualBoundingBoxRight } = this.measureText(text)
        const { a, e } = this.getTransform()
        const at = (x: number) => a * x + e
        labels.set(text, {
          text,
          left: at(x - actualBoundingBoxLeft),
          right: at(x + actualBoundingBoxRight),
          width: this.canvas.width,
        })
      }
    })
    const labels = () => page.evaluate(() => [...(window as unknown as { labels: Map<string, Label> }).labels.values()])
    const greenPixels = () =>
      page.$eval('#plot canvas', canvas => {
        const { width, height } = canvas as HTMLCanvasElement
        const data = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data ?? []
        let count = 0
        for (let i = 0; i < data.length; i += 4) {
          const [red = 0, green = 0, blue = 0] = data.slice(i, i + 3)
          if (green > red + 40 && green > blue + 20) count++
        }
        return count
      })

    await tester.visit()
    await tester.connectTo(url)
    await tester.inState('Connected')
    await tester.openPart('chart')
    await expect.poll(async () => (await labels()).map(({ text }) => text)).toContain('now')
    expect(await greenPixels()).toBe(0)
    await tester.send('slow')
    await page.waitForFunction(() =>
      document.querySelector('#plot')?.ariaLabel?.endsWith(' 1 message received per second.'),
    )
    await expect.poll(async () => (await labels()).map(({ text }) => text)).toContain('1,000 ms')
    await expect.poll(greenPixels).toBeGreaterThan(0)
    for (const { text, left, right, width } of await labels()) {
      expect(left, text).toBeGreaterThanOrEqual(0)
      expect(right, text).toBeLessThanOrEqual(width)
    }
    await tester.says('#max', ' ms')
    const isCut = await page.$$eval('#chart :is(dt, dd)', parts =>
      parts.map(part => part.scrollWidth > part.clientWidth),
    )
    expect(isCut).not.toContain(true)
  })
})
