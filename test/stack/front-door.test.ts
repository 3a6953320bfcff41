import { beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { connectRaw, frame, opcodes } from '../suite/raw-client.ts'
import { clientImage, docker, startStack } from './stack.ts'

type Stack = Awaited<ReturnType<typeof startStack>>
type Hello = { headers: [string, string][]; proxyHeaders: [string, string][]; forwardedAddress: string | null }

const stack = inject('stack')

/** Makes a handshake through NGINX and returns it as the server saw it. */
async function hello(url: string, headers: Record<string, string>) {
  const client = await connectRaw(`${url}?hello`, headers)
  expect(client.head).toMatch(/^HTTP\/1.1 101 /)
  const seen: Hello = JSON.parse((await client.frame()).payload.toString())
  client.socket.destroy()
  const valuesOf = (name: string) =>
    [...seen.headers, ...seen.proxyHeaders].filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
  return { ...seen, valuesOf }
}

describe.skipIf(!stack)('headers through NGINX', () => {
  const { page = '', ws = '' } = stack ?? {}
  const urls = [ws, `${page.replace('http:', 'ws:')}ws`]

  test.for(urls)('X-Forwarded-For contains only the address of the connection: %s', async url => {
    for (const headers of [{ 'X-Forwarded-For': '203.0.113.7' }, { 'X-Forwarded-For': '203.0.113.7, 127.0.0.1' }]) {
      const { valuesOf, forwardedAddress } = await hello(url, { ...headers, 'X-Real-IP': '203.0.113.7' })
      expect(valuesOf('x-forwarded-for')).toEqual([expect.not.stringMatching(/203|,/)])
      expect(valuesOf('x-real-ip')).toEqual(valuesOf('x-forwarded-for'))
      expect(forwardedAddress).toBe(valuesOf('x-forwarded-for')[0])
    }
  })

  test.for(urls)('X-Forwarded-Proto from a client is replaced: %s', async url => {
    expect((await hello(url, { 'X-Forwarded-Proto': 'https' })).valuesOf('x-forwarded-proto')).toEqual(['http'])
  })

  test.for(urls)(
    'header names with underscores and dots arrive, and are not mistaken for trusted headers: %s',
    async url => {
      const spellings = ['X_Forwarded_For', 'X.Forwarded.For', 'X_Forwarded-For', 'X_Real_IP', 'X_Forwarded_Proto']
      const forged = Object.fromEntries(spellings.map(name => [name, '203.0.113.7']))
      const { valuesOf, forwardedAddress } = await hello(url, {
        api_key: '2',
        'X.Dot': '3',
        X_Next_Replica: 'yes',
        ...forged,
      })
      expect(valuesOf('api_key')).toEqual(['2'])
      expect(valuesOf('x.dot')).toEqual(['3'])
      for (const name of spellings) expect(valuesOf(name.toLowerCase())).toEqual(['203.0.113.7'])
      expect(valuesOf('x-forwarded-for')).toEqual([forwardedAddress])
      expect(forwardedAddress).not.toBe('203.0.113.7')
      expect(valuesOf('x-forwarded-proto')).toEqual(['http'])
      expect(valuesOf('x-next-replica')).toEqual(['yes'])
    },
  )

  test.for([
    ['X-Forwarded-For ', 'a space'],
    ['X-Forwarded-For\t', 'a tab'],
    ['X-Forwarded-For\0', 'a zero byte'],
    ['X-Forwarded(For)', 'brackets'],
  ] as const)('an invalid header name is refused: %j', async ([name]) => {
    expect((await connectRaw(ws, { [name]: '203.0.113.7' })).head).toMatch(/^HTTP\/1.1 400 /)
    expect((await connectRaw(ws)).head).toMatch(/^HTTP\/1.1 101 /)
  })
})

describe.skipIf(!stack)('a client that half-closes its connection', () => {
  // NGINX closes both sides when one ends; see docs/deployment.md.
  test('gets no delayed reply', async () => {
    const client = await connectRaw(`${stack?.ws}?delay=500ms`)
    client.socket.write(frame(opcodes.text, 'hello'))
    client.socket.end()
    expect(await client.end()).toHaveLength(0)
  })
})

describe.skipIf(!stack)('the limit per address', () => {
  test('applies to a client that forges X-Forwarded-For', async () => {
    const limited = await startStack({ env: { MAX_CONNECTIONS_PER_IP: '2' } })
    onTestFinished(() => limited.down())
    const heads: string[] = []
    for (let i = 1; i <= 4; i++) {
      heads.push((await connectRaw(limited.ws, { 'X-Forwarded-For': `203.0.113.${i}` })).head)
    }
    expect(heads.map(head => head.slice(9, 12))).toEqual(['101', '101', '503', '503'])
  })
})

describe.skipIf(!stack)('with a proxy in front', () => {
  let fronted: Stack
  beforeAll(async () => {
    // The tests connect from Docker's gateway, which is one of these networks and so plays the proxy.
    fronted = await startStack({
      env: { FRONT_PROXIES: '172.16.0.0/12, 192.168.0.0/16,10.0.0.0/8,198.51.100.9,fd00::/8,2001:db8::1' },
    })
    return () => fronted.down()
  })

  test('X-Forwarded-For is trusted up to the first address that is not a proxy', async () => {
    for (const [sent, believed] of [
      ['203.0.113.7', '203.0.113.7'],
      ['6.6.6.6, 203.0.113.7, 198.51.100.9', '203.0.113.7'],
      ['2001:db8::7', '2001:db8::7'],
      ['6.6.6.6, 2001:db8::7, 2001:db8::1, fd00::5', '2001:db8::7'],
    ] as const) {
      const { valuesOf, forwardedAddress } = await hello(fronted.ws, { 'X-Forwarded-For': sent })
      expect(valuesOf('x-forwarded-for')).toEqual([believed])
      expect(forwardedAddress).toBe(believed)
    }
  })

  test.for([
    ['https', 'https'],
    ['wss', 'https'],
    ['HTTPS', 'https'],
    ['http', 'http'],
    ['gopher', 'http'],
    ['https" evil', 'http'],
  ] as const)('X-Forwarded-Proto is trusted if it names a scheme: %s', async ([sent, believed]) => {
    expect((await hello(fronted.ws, { 'X-Forwarded-Proto': sent })).valuesOf('x-forwarded-proto')).toEqual([believed])
    const answer = await fetch(fronted.ws.replace('ws:', 'http:'), { headers: { 'X-Forwarded-Proto': sent } })
    expect(await answer.text()).toContain(`"${believed === 'https' ? 'wss' : 'ws'}://`)
  })
})

describe.skipIf(!stack)('the client’s image', () => {
  test.for([
    ['FRONT_PROXIES', 'proxy.example'],
    ['FRONT_PROXIES', 'cafe.de'],
    ['FRONT_PROXIES', '10.0.0.0/33'],
    ['FRONT_PROXIES', '10.0.0.1 10.0.0.2'],
    ['FRONT_PROXIES', '10.0.0.1,,10.0.0.2'],
    ['FRONT_PROXIES', 'fd00::/129'],
    ['FRONT_PROXIES', '10.0.0.1; 0.0.0.0/0'],
    ['FRONT_PROXIES', '10.0.0.1\n0.0.0.0/0'],
    ['FRONT_PROXIES', 'default'],
    ['HTTPS_PORT', '65536'],
    ['HTTPS_PORT', 'https'],
    ['HTTPS_PORT', '8443-8450'],
    ['HTTPS_PORT', '8443;'],
    ['HTTPS_PORT', '99999999999999999999'],
    ['SERVER_HOST', 'server:7777'],
    ['SERVER_HOST', 'server; include /etc/passwd'],
  ] as const)('refuses to start with %s=%j, and says what it expects', async ([name, value]) => {
    const expected = {
      FRONT_PROXIES: 'addresses and networks separated by commas, such as 10.0.0.1 or fd00::/8',
      HTTPS_PORT: 'an integer from 0 to 65535',
      SERVER_HOST: 'a host name, such as server.example',
    }[name]
    const flags = ['--rm', '--read-only', '--tmpfs', '/tmp', '-e', `${name}=${value}`]
    await expect(docker('run', ...flags, await clientImage())).rejects.toMatchObject({
      code: 1,
      stderr: `${name}="${value}": expected ${expected}\n`,
    })
  })

  const inContainer = async (script: string) =>
    docker('run', '--rm', '-u', '0', '--tmpfs', '/tmp', '--entrypoint', 'sh', await clientImage(), '-c', script)

  test.for([
    ['127.0.0.11', 'nameserver 127.0.0.11\nnameserver 192.0.2.1\n'],
    ['10.89.0.1', '# Podman\nsearch dns.podman\nnameserver 10.89.0.1\nnameserver 192.0.2.1\noptions ndots:0\n'],
    ['[fd00::1]', 'nameserver fd00::1'],
  ] as const)('uses the first name server of the container: %s', async ([resolver, resolvConf]) => {
    const output = await inContainer(
      `printf '${resolvConf}' >/etc/resolv.conf && /start.sh -t && cat /tmp/nginx/http.conf`,
    )
    expect(output).toContain(`resolver ${resolver} valid=1s`)
  })

  test.for([
    ['', 'server:7777'],
    ['server.websocket-echo.svc.cluster.local', 'server.websocket-echo.svc.cluster.local:7777'],
  ] as const)('asks for the servers by the name in SERVER_HOST=%s', async ([name, address]) => {
    expect(await inContainer(`SERVER_HOST=${name} /start.sh -T`)).toContain(`server ${address} resolve max_fails=0;`)
  })

  test.for([
    ['', '\n'],
    // The container does not know the port that Docker chose, so it cannot redirect to it.
    ['0', 'include tls.conf;\n'],
    ['443', 'include tls.conf; if ($is_insecure) { return 308 https://$host$request_uri; }\n'],
    ['8443', 'include tls.conf; if ($is_insecure) { return 308 https://$host:8443$request_uri; }\n'],
  ] as const)('redirects to the published port: HTTPS_PORT=%s', async ([port, expected]) => {
    const output = await inContainer(`HTTPS_PORT=${port} /start.sh -t 2>/dev/null; cat /tmp/nginx/page.conf`)
    expect(output).toBe(expected)
  })

  test('starts four workers, whatever the number of cores', async () => {
    expect(await inContainer('/start.sh -T')).toMatch(/^worker_processes 4;$/m)
  })

  test.for(['SIGTERM', 'SIGQUIT', 'SIGINT'])('ends promptly with exit code 0 on %s', async signal => {
    for (const flags of [[], ['--init']]) {
      const id = (await docker('run', '-d', '--read-only', '--tmpfs', '/tmp', ...flags, await clientImage())).trim()
      onTestFinished(async () => void (await docker('rm', '-f', id)))
      await expect.poll(() => docker('top', id)).toContain('worker process')
      await docker('kill', '-s', signal, id)
      expect(await docker('wait', id)).toBe('0\n')
    }
  })
})
