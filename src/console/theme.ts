/** Light or dark: as the system has it, or as somebody has chosen on this machine. */
import { type ReadonlySignal, signal } from "@preact/signals"

const storageKey = "lunlog-theme"
const themes = ["auto", "light", "dark"] as const
/** What can be chosen. */
export type Theme = (typeof themes)[number]

const isTheme = (value: unknown): value is Theme => themes.some((theme) => theme === value)

const chosen = signal<Theme>("auto")
/** Counts up whenever colours are others: what draws by itself does it again. */
const changes = signal(0)

/** What is chosen. */
export const theme: ReadonlySignal<Theme> = chosen
/** Changes whenever colours do. */
export const themeChanges: ReadonlySignal<number> = changes

const show = (value: Theme): void => {
  chosen.value = value
  document.documentElement.dataset["theme"] = value
  changes.value += 1
}

/** Chooses the next one. */
export const switchTheme = (): void => {
  const next = themes[(themes.indexOf(chosen.value) + 1) % themes.length] ?? "auto"
  localStorage.setItem(storageKey, next)
  show(next)
}

/** Begins with what was chosen last, and follows the system. */
export const followTheme = (): void => {
  const stored = localStorage.getItem(storageKey)
  show(isTheme(stored) ? stored : "auto")
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    changes.value += 1
  })
}

/** A colour of the style sheets as the canvas takes it. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
