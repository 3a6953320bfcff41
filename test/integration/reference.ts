import { Unexpected } from '../../server/config/values.ts'
import { groups, type Parameter, withoutLinks } from '../../server/faults/parameter.ts'
import { parameters } from '../../server/faults/parameters.ts'

const groupsOfParameters = Object.entries(groups).map(
  ([group, title]) => [group, title, parameters.filter(parameter => parameter.group === group)] as const,
)

/** Writes the tables of parameters into a Markdown document with a region for each group, such as `parameters: end`. */
export const writeTables = (document: string): string =>
  groupsOfParameters.reduce((document, [group, title, parameters]) => {
    const table = ['| parameter | effect |', '| --- | --- |', ...parameters.flatMap(rowsOf)].join('\n')
    return replaceRegion(document, `parameters: ${group}`, `\n### ${title}\n\n${table}\n`)
  }, document)

/** Writes the fields of all parameters into an HTML document with the region `parameters`. */
export function writeFields(document: string): string {
  const lines = groupsOfParameters.flatMap(([, title, parameters]) => {
    const fields = parameters.flatMap(fieldsOf)
    return ['<fieldset>', ...[`<legend>${title}</legend>`, ...fields].map(line => `  ${line}`), '</fieldset>']
  })
  return replaceRegion(document, 'parameters', lines.map(line => `            ${line}`).join('\n'))
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

function fieldsOf(parameter: Parameter): string[] {
  const { name, label, sentence, example, values, most, empty } = parameter
  const effects = effectsOf(parameter)
  if (example === '' || (values && effects.length === 1)) return effects.map(effect => checkbox(name, label, ...effect))

  const attributes = `name="${name}"${titleOf(most === undefined ? sentence : `${sentence}. Write one on each line`)}`
  const typing = `${attributes} placeholder="${escaped(example)}"`
  const options = effects.map(([value, sentence]) => `<option${titleOf(sentence)}>${value}</option>`)
  const field = values
    ? `<select ${attributes}><option value=""></option>${options.join('')}</select>`
    : most === undefined
      ? `<input ${typing}${isNumeric(parameter) ? ' inputmode="numeric"' : ''}>`
      : `<textarea ${typing} rows="2"></textarea>`
  const ofEmpty = empty === undefined ? [] : [checkbox(name, empty, '', sentence)]
  return [`<label>${captionOf(label, name)} ${field}</label>`, ...ofEmpty]
}

const checkbox = (name: string, label: string, value: string, sentence: string) =>
  `<label class="check"><input name="${name}" type="checkbox" value="${value}"${titleOf(sentence)}> ${captionOf(label, written(name, value))}</label>`

const captionOf = (label: string, name: string) => `<span>${escaped(label)} <code>${name}</code></span>`

/** A sentence in Markdown as plain text, in which words that are names stay recognizable. */
const titleOf = (sentence: string) => {
  const text = withoutLinks(sentence).replace(/`([a-z-]+)`/g, '“$1”')
  return ` title="${escaped(text.replaceAll('`', ''))}"`
}

const escaped = (text: string) => text.replace(/[&<"]/g, character => `&#${character.charCodeAt(0)};`)

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
