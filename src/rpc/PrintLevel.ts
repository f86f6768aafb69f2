/**
 * Which messages the running process prints on stderr, by SPDK's names; changed by `log_set_print_level` while it
 * runs. NOTICE and INFO are the same here: lunlog has no level between warnings and information.
 */
import { Context, type LogLevel } from "effect"

/** SPDK's levels, the gravest first. */
export const spdkLevels = ["ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"] as const
/** One of `spdkLevels`. */
export type SpdkLevel = (typeof spdkLevels)[number]

const effectLevels: Readonly<Record<SpdkLevel, LogLevel.LogLevel>> = {
  ERROR: "Error",
  WARNING: "Warn",
  NOTICE: "Info",
  INFO: "Info",
  DEBUG: "Debug"
}

const spdkNames: ReadonlyMap<LogLevel.LogLevel, SpdkLevel> = new Map([
  ["None", "ERROR"],
  ["Fatal", "ERROR"],
  ["Error", "ERROR"],
  ["Warn", "WARNING"],
  ["Info", "INFO"]
])

/** The level of one process, shared by its loggers and its methods. */
export class PrintLevelRef {
  #name: SpdkLevel
  #level: LogLevel.LogLevel

  constructor(level: LogLevel.LogLevel) {
    this.#level = level
    this.#name = spdkNames.get(level) ?? "DEBUG"
  }

  get name(): SpdkLevel {
    return this.#name
  }
  /** Messages below it are not printed. */
  get level(): LogLevel.LogLevel {
    return this.#level
  }

  set(name: SpdkLevel): void {
    this.#name = name
    this.#level = effectLevels[name]
  }
}

/** Provided by the logging of a program; without one nothing is printed by it. */
export const PrintLevel = Context.Reference<PrintLevelRef>("lunlog/rpc/PrintLevel", {
  defaultValue: () => new PrintLevelRef("Info")
})
