import { defaultAddress } from './core/address.ts'
import { createConnection } from './core/connection.ts'
import { describeEvent } from './core/line.ts'
import { createAddressBar } from './view/address-bar.ts'
import { createComposer } from './view/composer.ts'
import { createLog } from './view/log.ts'
import { createStatus } from './view/status.ts'

const address = defaultAddress(document.baseURI)

const connection = createConnection({
  onState(state) {
    for (const part of [status, addressBar, composer]) part.show(state)
  },
  onEvent(event) {
    log.add(describeEvent(event))
  },
})

const status = createStatus()
const log = createLog()
const composer = createComposer(connection.send)
const addressBar = createAddressBar({
  address,
  onConnect: connection.connect,
  onDisconnect: connection.disconnect,
})

connection.connect(address)
