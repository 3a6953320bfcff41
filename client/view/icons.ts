import {
  Bookmark,
  Download,
  type IconNode,
  Link,
  PanelRight,
  Paperclip,
  Pause,
  Plus,
  Search,
  SunMoon,
  Trash2,
  X,
  Zap,
} from 'lucide'

/** The icons of the page: `<use href="#icon-x">` shows the one named x. They are Lucide's, under the ISC licence. */
const ICONS: Record<string, IconNode> = {
  bookmark: Bookmark,
  download: Download,
  link: Link,
  'panel-right': PanelRight,
  paperclip: Paperclip,
  pause: Pause,
  plus: Plus,
  search: Search,
  'sun-moon': SunMoon,
  trash: Trash2,
  x: X,
  zap: Zap,
}

/** Adds a sprite with all icons to the document. */
export function addIcons() {
  const symbols = Object.entries(ICONS).map(([name, nodes]) => {
    const symbol = create('symbol', { id: `icon-${name}`, viewBox: '0 0 24 24' })
    symbol.append(...nodes.map(([name, attributes]) => create(name, attributes)))
    return symbol
  })
  const sprite = create('svg', { hidden: '' })
  sprite.append(...symbols)
  document.body.append(sprite)
}

function create(name: string, attributes: Record<string, string | number | undefined>): SVGElement {
  const created = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, String(value))
  return created
}
