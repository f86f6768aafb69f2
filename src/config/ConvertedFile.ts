/** A configuration that was converted while it was read: what is wrong with it is told in its source's lines. */
import { Document, LineCounter } from "yaml"
import type { Conversion } from "./Conversion.ts"
import { type ConfigPath, NativeFile } from "./NativeFile.ts"

/** Stands where a native file may stand. */
export class ConvertedFile extends NativeFile {
  readonly #name: string
  readonly #places: Conversion["places"]

  constructor(name: string, { config, places }: Conversion) {
    super(name, config, new Document(), new LineCounter())
    this.#name = name
    this.#places = places
  }

  override problem(path: ConfigPath, message: string): string {
    const [list, index] = path
    const place = this.#places.get(typeof index === "number" ? `${String(list)}[${index}]` : String(list))
    return `${place ?? this.#name}: ${message}`
  }
}
