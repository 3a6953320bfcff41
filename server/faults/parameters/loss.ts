import { type Parser, Unexpected } from '../../config/values.ts'
import { defineParameter } from '../parameter.ts'

const share: Parser<number> = text => {
  const [, digits = '', percent] = /^(\d+(?:\.\d+)?(?:e-\d+)?)(%?)$/.exec(text) ?? []
  const value = Number(digits || Number.NaN) / (percent ? 100 : 1)
  if (!(value <= 1)) throw new Unexpected('a share from 0 to 1, such as 0.1 or 10%')
  return value
}

export const loss = defineParameter({
  name: 'loss',
  group: 'replies',
  label: 'Lose replies',
  hint: 'share without a reply: 0.1 or 10%',
  sentence:
    'this share of messages gets no reply, at random. `10%` is written `loss=10%25` in a URL. To end the connection instead, use `drop`',
  example: '0.1',
  parse: share,
  up: {
    label: 'Lose messages',
    hint: 'share that is dropped: 0.1 or 10%',
    sentence: 'this share of the messages from the client is dropped, at random',
  },
  recorded: 'later',
  start(share, { createChance, record }) {
    const chance = createChance(1)
    return {
      isLost() {
        const isLost = chance() < share
        if (isLost) record(loss)
        return isLost
      },
    }
  },
})
