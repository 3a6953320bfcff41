import { Unexpected } from '../../server/config/values.ts'
import { groups, type Parameter, withoutLinks } from '../../server/faults/parameter.ts'
import { parameters } from '../../server/faults/parameters.ts'
import { presets } from '../../server/faults/presets.ts'

const groupsOfParameters = Object.entries(groups).map(
  ([group, title]) => [group, title, parameters.filter(parameter => parameter.group === group)] as const,
)

/** Writes the tables of parameters into a Markdown document with a region for each group, such as `parameters: end`. */
export const writeTables = (document: string): string =>
  groupsOfParameters.reduce((document, [group, title, parameters]) => {
    const table = ['| parameter | effect |', '| --- | --- |', ...parameters.flatMap(rowsOf)].join('\n')
    return replaceRegion(document, `parameters: ${group}`, `\n### ${title}\n\n${table}\n`)
  }, document)

/** Writes the contents of the form of faults: the presets, and the fields of all parameters in their groups. */
export function writeForm(): string {
  const fields = groupsOfParameters.map(([, title, parameters]) => ({ title, fields: parameters.flatMap(fieldsOf) }))
  return `${JSON.stringify({ presets, groups: fields }, null, 2)}\n`
}

/** Replaces the lines between the comments `<!-- name -->` and `<!-- /… -->`. */
export function replaceRegion(document: string, name: string, text: string): string {
  const region = new RegExp(`(<!-- ${name} -->\n)[^]*?( *<!-- /)`)
  if (!region.test(document)) throw new Error(`<!-- ${name} --> is missing`)
  return document.replace(region, (_, start, end) => `${start}${text}\n${end}`)
}

const written = (name: string, value: string) => (value === '' ? name : `${name}=${value}`)

/** Returns each value with its sentence: those of the declaration, or the example. */
const effectsOf = ({ sentence, example, values = { [example]: sentence } }: Parameter) => Object.entries(values)

const rowsOf = (parameter: Parameter): string[] =>
  effectsOf(parameter).map(([value, sentence]) => `| \`${written(parameter.name, value)}\` | ${sentence} |`)

function fieldsOf(parameter: Parameter): object[] {
  const { name, label, hint, sentence, example, values, most, empty, isEnding } = parameter
  const effects = effectsOf(parameter)
  const field = { name, label, hint, help: plain(sentence), isEnding }
  if (example === '' || (values && effects.length === 1)) {
    return effects.map(([value, sentence]) => ({ ...field, kind: 'check', value, help: plain(sentence) }))
  }
  const choices = values && Object.fromEntries(effects.map(([value, sentence]) => [value, plain(sentence)]))
  const kind = values ? 'choice' : most !== undefined ? 'lines' : isNumeric(parameter) ? 'number' : 'text'
  const ofEmpty = empty === undefined ? [] : [{ ...field, kind: 'check', label: empty, hint: '', value: '' }]
  return [{ ...field, kind, choices }, ...ofEmpty]
}

/** A sentence in Markdown as plain text, in which words that are names stay recognizable. */
const plain = (sentence: string) =>
  withoutLinks(sentence)
    .replace(/`([a-z-]+)`/g, '“$1”')
    .replaceAll('`', '')

/** Whether only digits can be typed, so that a phone need not show letters. */
function isNumeric({ example, parse }: Parameter): boolean {
  const accepts = (text: string) => {
    try {
      parse(text)
      return true
    } catch (error) {
      if (error instanceof Unexpected) return false
      throw error
    }
  }
  return /^\d+$/.test(example) && !['s', 'KiB'].some(unit => accepts(example + unit))
}
