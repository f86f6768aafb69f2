/** The little of SVG that the charts need. Colours follow the reader's light or dark scheme. */

/** Attributes of an element. */
export type Attributes = Readonly<Record<string, string | number>>

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }
const escaped = (text: string): string => text.replace(/[&<>"]/g, (each) => escapes[each] ?? each)

const attributeText = (value: string | number): string =>
  typeof value === "number" ? String(Number(value.toFixed(1))) : escaped(value)

/** An element; `content` is text, which is escaped here, or elements. */
export const element = (name: string, attributes: Attributes, content?: string | ReadonlyArray<string>): string => {
  const all = Object.entries(attributes).map(([key, value]) => ` ${key}="${attributeText(value)}"`)
  const inner = typeof content === "string" ? escaped(content) : content?.join("\n")
  return inner === undefined ? `<${name}${all.join("")}/>` : `<${name}${all.join("")}>${inner}</${name}>`
}

/** A line of text; `class` chooses size and colour. */
export const label = (x: number, y: number, text: string, attributes: Attributes = {}): string =>
  element("text", { x, y, ...attributes }, text)

/** Readable on white and on near-black, and told apart with any of the usual kinds of colour blindness. */
const light = ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#a05195", "#6b6b6b", "#3f9fd8", "#b07a4f"]
const dark = ["#4db2f0", "#ff8a3d", "#3fd6a8", "#ffc04d", "#d48fca", "#a8a8a8", "#9fd4f7", "#d9ad8a"]

/** How many series have a colour of their own. */
export const seriesMax = light.length

const rules = (colours: ReadonlyArray<string>, ink: string, faint: string): string =>
  [
    `text{fill:${ink}}.faint{stroke:${faint};stroke-width:1}.ink{stroke:${ink};stroke-width:1}`,
    ...colours.map((each, index) => `.f${index}{fill:${each}}.s${index}{stroke:${each};fill:none;stroke-width:2}`)
  ].join("")

const style = [
  "text{font-family:system-ui,sans-serif;font-size:12px}.title{font-size:15px;font-weight:600}.small{font-size:11px}",
  rules(light, "#24292f", "#d0d7de"),
  `@media (prefers-color-scheme:dark){${rules(dark, "#e6edf3", "#3d444d")}}`
].join("")

/** A whole drawing; `title` is also what a screen reader says. */
export const drawing = (width: number, height: number, title: string, content: ReadonlyArray<string>): string => {
  const size = { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }
  const parts = [element("title", {}, title), element("style", {}, [style]), ...content]
  return `${element("svg", { xmlns: "http://www.w3.org/2000/svg", ...size }, parts)}\n`
}
