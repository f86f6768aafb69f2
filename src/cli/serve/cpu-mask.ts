/**
 * Cores as SPDK's command lines name them (`-m`): a mask in hexadecimal, with or without `0x`, whose lowest bit is core
 * 0, or a list in brackets: `[0,1]`, `[0-3,5]`.
 */

/** Cores that a mask may name: 0 to 1023, as SPDK has it. */
const coresMax = 1024
const bitsPerDigit = 4

/** Cores in ascending order, each once; or what is wrong. */
export type CpuMask = ReadonlyArray<number> | { readonly problem: string }

const form = "write a mask such as 0x3, or a list such as [0,1] or [0-3,5]"

const ofMask = (digits: string): CpuMask => {
  const wrong = /[^0-9a-f]/iu.exec(digits)?.[0]
  if (wrong !== undefined) return { problem: `"${wrong}" is no hexadecimal digit; ${form}` }
  const cores: Array<number> = []
  for (let place = 0; place < digits.length; place++) {
    const digit = Number.parseInt(digits.charAt(digits.length - 1 - place), 16)
    for (let bit = 0; bit < bitsPerDigit; bit++) if ((digit & (1 << bit)) !== 0) cores.push(place * bitsPerDigit + bit)
  }
  return cores
}

const ofItem = (item: string): CpuMask => {
  const found = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/u.exec(item)
  if (found === null) return { problem: `"${item.trim()}" is neither a core nor a range of cores; ${form}` }
  const first = Number(found[1])
  const last = found[2] === undefined ? first : Number(found[2])
  if (first > last) return { problem: `${first}-${last} is no range: its first core comes after its last` }
  if (last >= coresMax) return { problem: `core ${last} is out of range; cores are 0 to ${coresMax - 1}` }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

const ofList = (items: ReadonlyArray<string>): CpuMask => {
  const cores = new Set<number>()
  for (const item of items) {
    const found = ofItem(item)
    if ("problem" in found) return found
    for (const core of found) cores.add(core)
  }
  return [...cores].sort((a, b) => a - b)
}

/** Reads a mask or a list. */
export const parseCpuMask = (text: string): CpuMask => {
  const trimmed = text.trim()
  const list = /^\[(.*)\]$/u.exec(trimmed)?.[1]
  if (list === undefined && trimmed.startsWith("[")) return { problem: `the list has no end "]"; ${form}` }
  const cores = list === undefined ? ofMask(trimmed.replace(/^0x/iu, "")) : ofList(list.split(","))
  if ("problem" in cores) return cores
  if (cores.length === 0) return { problem: `it names no core; ${form}` }
  const last = cores.at(-1) ?? 0
  return last < coresMax ? cores : { problem: `core ${last} is out of range; cores are 0 to ${coresMax - 1}` }
}

/** `0-3,5`: cores in ascending order, for people. */
export const coresText = (cores: ReadonlyArray<number>): string => {
  const ranges: Array<string> = []
  for (let at = 0; at < cores.length; at++) {
    const first = cores[at] ?? 0
    while (cores[at + 1] === (cores[at] ?? 0) + 1) at++
    const last = cores[at] ?? 0
    ranges.push(first === last ? String(first) : `${first}-${last}`)
  }
  return ranges.join(",")
}
