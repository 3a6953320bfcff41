import { groups, type Parameter } from '../../server/faults/parameter.ts'
import { parameters } from '../../server/faults/parameters.ts'

/**
 * Replaces the text between the comments `<!-- name -->` and `<!-- /… -->`.
 * @throws if the document lacks one of them
 */
export function replaceRegion(document: string, name: string, text: string): string {
  const region = new RegExp(`(<!-- ${name} -->\n)[^]*?( *<!-- /)`)
  if (!region.test(document)) throw new Error(`<!-- ${name} --> is missing`)
  return document.replace(region, (_, start, end) => `${start}${text}\n${end}`)
}

/** Writes the tables of parameters into a Markdown document, which has a region such as `parameters: replies` for each. */
export function writeTables(document: string): string {
  return Object.entries(groups).reduce((document, [group, title]) => {
    const rows = parameters.filter(parameter => parameter.group === group).flatMap(rowsOf)
    const table = ['| parameter | effect |', '| --- | --- |', ...rows].join('\n')
    return replaceRegion(document, `parameters: ${group}`, `\n### ${title}\n\n${table}\n`)
  }, document)
}

function rowsOf({ name, sentence, example, values }: Parameter): string[] {
  const effects = values ? Object.entries(values) : [[example, sentence]]
  return effects.map(([value, effect]) => `| \`${value ? `${name}=${value}` : name}\` | ${effect} |`)
}
