import { askHello } from '../core/hello.ts'
import { make, makeButton } from './highlight.ts'

/** Shows on request how this stack's server receives a handshake from this browser. */
export function createHandshakeView(box: HTMLElement, target: () => { url: string; protocols: string[] }) {
  const view = make('section', 'more')
  const ask = makeButton('secondary', 'Ask the server')
  const problem = make('p', 'problem')
  const list = make('dl')
  view.id = 'handshake-view'
  problem.role = 'alert'
  const explanation = make('p', 'lead', "Opens another connection, whose handshake this stack's server describes.")
  view.append(make('h2', '', 'The handshake as the server receives it'), explanation, ask, problem, list)
  box.append(view)

  ask.addEventListener('click', async () => {
    ask.disabled = true
    const { url, protocols } = target()
    const hello = URL.canParse(url) ? await askHello(url, protocols) : { problem: 'Connect first.' }
    ask.disabled = false
    problem.textContent = 'problem' in hello ? hello.problem : ''
    const lines = 'problem' in hello ? [] : [...hello.facts, ...hello.headers]
    list.replaceChildren(
      ...lines.map(([name, value]) => {
        const line = make('div')
        line.append(make('dt', '', name), make('dd', '', value))
        return line
      }),
    )
  })
}
