/** @file Reads the tags of XML, for annotation files: elements and their attributes. No document types, no entities but XML's own. */

export interface XmlTag {
  name: string
  /** True for `</name>`. */
  end: boolean
  /** True for `<name/>`. */
  empty: boolean
  attributes: ReadonlyMap<string, string>
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** A text with the entities of XML replaced. */
const unescape = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, decimal, hex, named) => {
    if (named) return entities[named.toLowerCase()]
    const code = decimal ? Number(decimal) : parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })

/** The tags of an XML text in order; text, comments and declarations are skipped. @throws Error if a tag does not end */
export function* xmlTags(text: string): Generator<XmlTag> {
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    const [skipped] = [
      ['<!--', '-->'],
      ['<![CDATA[', ']]>'],
      ['<?', '?>'],
      ['<!', '>'],
    ].filter(([start]) => text.startsWith(start, at))
    if (skipped) {
      const to = text.indexOf(skipped[1], at)
      if (to < 0) throw new Error(`the XML is cut off: "${skipped[0]}" does not end`)
      at = to + skipped[1].length
      continue
    }
    const name = /\/?[\p{L}_][\p{L}\d_.:-]{0,100}/uy
    name.lastIndex = at + 1
    const [found = ''] = name.exec(text) ?? []
    const attributes = new Map<string, string>()
    const attribute = /\s*([\p{L}\d_.:-]{1,100})\s*=\s*(?:"([^"]*)"|'([^']*)')/uy
    attribute.lastIndex = at + 1 + found.length
    let last = attribute.lastIndex
    for (let match = attribute.exec(text); match; match = attribute.exec(text)) {
      attributes.set(match[1], unescape(match[2] ?? match[3]))
      last = attribute.lastIndex
    }
    const end = /\s*(\/?)>/y
    end.lastIndex = last
    const closing = end.exec(text)
    if (!found || !closing)
      throw new Error(`the XML is damaged at character ${at + 1}: ${text.slice(at, at + 40).trim()}`)
    yield { name: found.replace('/', ''), end: found.startsWith('/'), empty: closing[1] === '/', attributes }
    at = end.lastIndex
  }
}
