/**
 * Pages in place of each other on a terminal, on its other screen, so that what was there before is there again at the
 * end. A page is one write over the one before: nothing flickers. It is as wide and as high as the window.
 */
import { Effect, Queue, type Scope, type Terminal } from "effect"
import { CliOutput } from "effect/cli"
import type { PageSize } from "./top-text.ts"

/** Control Sequence Introducer (ECMA-48 5.4). */
const csi = "\u001b["
/** The other screen, and no cursor. */
const enter = `${csi}?1049h${csi}?25l`
const leave = `${csi}?25h${csi}?1049l`
const home = `${csi}H`
const restOfLine = `${csi}K`
const restOfScreen = `${csi}J`
/** What a terminal that does not know its size is taken to be. */
const usual = { columns: 80, rows: 24 }

const cut = (line: string, columns: number): string => {
  if (CliOutput.displayWidth(line) <= columns) return line
  const characters = [...line].slice(0, columns)
  while (CliOutput.displayWidth(characters.join("")) > columns) characters.pop()
  return characters.join("")
}

/** Where pages are shown. */
export interface Screen {
  /** As the window is now. */
  readonly size: Effect.Effect<PageSize>
  readonly show: (lines: ReadonlyArray<string>) => Effect.Effect<void>
}

/** Takes the screen until the end of the scope. */
export const takeScreen = (terminal: Terminal.Terminal): Effect.Effect<Screen, never, Scope.Scope> => {
  const write = (text: string) => Effect.ignore(terminal.display(text))
  const size = Effect.gen(function* () {
    return { rows: (yield* terminal.rows) || usual.rows, columns: (yield* terminal.columns) || usual.columns }
  })
  const show = (lines: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const { columns, rows } = yield* size
      const shown = lines.slice(0, rows).map((line) => `${cut(line, columns)}${restOfLine}`)
      yield* write(`${home}${shown.join("\r\n")}${restOfScreen}`)
    })
  return Effect.as(
    Effect.acquireRelease(write(enter), () => write(leave)),
    { size, show }
  )
}

/** Resumes when somebody presses q, Ctrl-C, Ctrl-D or Escape. */
export const quitKey = (terminal: Terminal.Terminal): Effect.Effect<void> =>
  Effect.gen(function* () {
    const keys = yield* terminal.readInput
    let name = ""
    while (name !== "q") name = (yield* Queue.take(keys)).key.name
    // The end of the keys is one of those that end programs.
  }).pipe(Effect.scoped, Effect.ignore)
